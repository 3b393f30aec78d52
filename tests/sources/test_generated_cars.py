"""The cars that benchmarks generate could be on the road, but for those told wrongly."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.eea import write_csv


def test_the_numbers_of_a_generated_car_belong_together(tmp_path: Path) -> None:
    """An electric one emits nothing and burns nothing; CO2 follows consumption and fuel."""
    path = tmp_path / "cars.csv"
    write_csv(path, 5_000)
    cars = pd.read_csv(path)
    co2, litres = cars["Ewltp (g/km)"], cars["Fuel consumption "]
    electric = cars["Ft"] == "ELECTRIC"
    burning = cars["Ft"].isin(["PETROL", "DIESEL"])
    wrong = (cars["m (kg)"] < 500) | (co2 > 290) | (cars["Ft"] == "WATER")

    assert 0.08 < electric.mean() < 0.12
    assert (co2[electric].dropna() == 0).all()
    assert (
        cars.loc[electric, ["ec (cm3)", "Fuel consumption ", "Erwltp (g/km)"]].isna().all(axis=None)
    )
    assert cars.loc[electric, "z (Wh/km)"].dropna().between(120, 260).all()
    assert cars.loc[burning, ["z (Wh/km)", "Electric range (km)"]].isna().all(axis=None)
    assert (co2 / litres)[burning & ~wrong].dropna().between(20, 30).all()
    assert cars.loc[burning & ~wrong, ["m (kg)", "ep (KW)"]].corr().iloc[0, 1] > 0.7
    assert 0.02 < wrong.mean() < 0.05
