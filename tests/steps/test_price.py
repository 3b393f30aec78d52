"""The price of retraining policies over the history of a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hand_made import Bench, wave_case, waves

from pipeline.errors import StepError
from pipeline.steps.price import price


def test_the_price_is_replayed_and_kept(bench: Bench) -> None:
    """Five policies on the same weeks; a second call learns nothing and says the same."""
    windows = replace(wave_case().windows, current=timedelta(days=14))
    bench.case = wave_case(waves(days=140), windows=windows)
    bench.do("ingest", "validate")

    found = price(bench.store, bench.case, weeks=12, say=lambda _: None)
    models = sorted((found.folder / "models").iterdir())
    stamps = [path.stat().st_mtime_ns for path in models]
    again = price(bench.store, bench.case, weeks=12, say=lambda _: None)

    by_policy = found.rows.set_index("policy")["retrainings"].to_dict()
    assert ["never", "by performance", "by drift", "monthly", "always"] == list(by_policy)
    assert (0, 1, 7) == (by_policy["never"], by_policy["monthly"], by_policy["always"])
    assert {8} == set(found.rows["weeks"])
    assert (found.folder / "policies.csv").read_text().startswith("policy,retrainings,RMSE")
    assert found.rows.equals(again.rows)
    assert 12 == len(models)
    assert stamps == [path.stat().st_mtime_ns for path in models]


def test_a_short_past_is_refused(bench: Bench) -> None:
    """Sixty days are too few weeks to tell policies apart."""
    bench.do("ingest", "validate")

    with pytest.raises(StepError, match="a past of 4 weeks to replay; 12 are needed"):
        price(bench.store, bench.case, weeks=40, say=lambda _: None)
