"""Which pictures are held out: a fifth of the groups of those that look alike."""

from __future__ import annotations

from pipeline.tasks.divisions import Division

KEY = "address"
DIVISION = Division(groups=("group",), held_out=0.2)
