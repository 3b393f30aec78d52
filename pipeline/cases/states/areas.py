"""What the publisher calls states, producers and fuels, and which of them are sums of others."""

from __future__ import annotations

NATION = "US"
NATIONS = {"US-TOTAL": NATION, "US": NATION}
ALL_PRODUCERS = "Total Electric Power Industry"
ALL_SOURCES = "All Sources"
PLANTS = "power plants"
"""EIA-923 and EIA-860: what power plants emit, by who runs them."""
ENERGY = "all energy"
"""State Energy Data System: what all energy emits, by the sector that uses it."""
ALL_SECTORS = "All sectors"
ALL_FUELS = "All Fuels"

SECTORS = {
    "CC": "Commercial sector",
    "EC": "Electric power sector",
    "IC": "Industrial sector",
    "RC": "Residential sector",
    "TC": "Transportation sector",
    "TT": ALL_SECTORS,
}
FUELS = {"CO": "Coal", "NG": "Natural Gas", "PE": "Petroleum", "TO": ALL_FUELS}

PRODUCERS = (
    "Commercial Cogen",
    "Commercial Non-Cogen",
    "Electric Utility",
    "IPP NAICS-22 Cogen",
    "IPP NAICS-22 Non-Cogen",
    "Industrial Cogen",
    "Industrial Non-Cogen",
)
SUMS: dict[str, frozenset[str]] = {
    "fuel": frozenset({ALL_SOURCES, ALL_FUELS}),
    "producer": frozenset({ALL_PRODUCERS, ALL_SECTORS}),
    "state": frozenset({NATION}),
}
"""Values that stand for the sum over all others of their column, within one account."""
