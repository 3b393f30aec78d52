"""How the server and its kernels take memory from the system: in large pieces, which they keep.

By itself the C library maps each larger array anew and gives it back when it is freed, and every
page of it is cleared again at its first touch: in a notebook of a few seconds, a tenth of all.
"""

from __future__ import annotations

import ctypes
import os

TRIM, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Numbers of the parameters in GNU's malloc.h."""

PARAMETERS = {
    # The most that it allows: larger arrays are mapped by themselves, and go back at once.
    MMAP_THRESHOLD: 32 << 20,
    TRIM: 128 << 20,
    TOP_PAD: 16 << 20,
}
OWN_CHOICE = ("MALLOC_", "GLIBC_TUNABLES")
"""How a user's own variables begin, which are left to count."""


def keep_pieces() -> bool:
    """Whether from now on this process and its forks do so; other C libraries know no such wish."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith(OWN_CHOICE) for name in os.environ):
        return False
    taken = [mallopt(number, value) == 1 for number, value in PARAMETERS.items()]
    return all(taken)
