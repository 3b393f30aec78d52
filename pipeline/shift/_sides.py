"""Columns measured side by side, on the cores that the process may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def side_by_side(work: Callable[[Given], Made], each: Iterable[Given], *, size: int) -> list[Made]:
    """What becomes of each, in their order; `size`: numbers in one, too few of which are not worth
    a thread.

    As many at once as `joblib` counts cores, which the runner tells each kernel. Numpy lets
    threads go side by side where it works on whole arrays.
    """
    import joblib

    parts = list(each)
    at_once = min(joblib.cpu_count(), len(parts)) if size >= WORTH_A_THREAD else 1
    if at_once < 2:
        return [work(part) for part in parts]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(at_once, thread_name_prefix="shift") as pool:
        return list(pool.map(work, parts))


WORTH_A_THREAD = 50_000
