"""The tiny case, whose publisher is down."""

from small_cases.tiny import NoSource, case

CASE = case("broken", NoSource(simulated=True))
