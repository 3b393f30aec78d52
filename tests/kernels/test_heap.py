"""How a kernel takes memory from the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.kernels import warm

LOOP = """
import resource, numpy
from pipeline.kernels.heap import keep_pieces
print(keep_pieces())
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    numpy.ones(500_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**chosen: str) -> tuple[str, int]:
    """What was done, and pages that were touched anew by 200 arrays of 4 MB each."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP], env=chosen, capture_output=True, text=True, check=True
    )
    (kept, pages) = done.stdout.split()
    return kept, int(pages)


@pytest.mark.skipif(not warm.AVAILABLE, reason="kernels are forked on Linux only")
def test_memory_that_was_freed_is_taken_again_without_new_pages() -> None:
    """One array's pages, not 200 times as many."""
    kept, pages = faults()
    if kept == "False":
        pytest.skip("this C library has no mallopt")

    assert pages < 10 * 4_000_000 / 4096


def test_a_choice_of_the_user_is_left_as_it_is() -> None:
    """Variables of the C library count."""
    assert "False" == faults(MALLOC_ARENA_MAX="1")[0]
