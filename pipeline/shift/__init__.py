"""Has the current window moved away from the reference, further than chance would explain?

`compare` measures: every column becomes series of block means, of which the season is taken out
and whose memory is learned from the reference. `judge` decides: Benjamini-Hochberg over all that
one run measures, so that a run in which nothing has changed alarms as often as `alpha` says.
"""

from pipeline.shift._judging import judge
from pipeline.shift._layout import Table
from pipeline.shift._measuring import TOGETHER, compare
from pipeline.shift._rates import benjamini_hochberg, cauchy_combination, weighted_bonferroni
from pipeline.shift._types import Against, ColumnShift, Measured, Part, Watched

__all__ = [
    "TOGETHER",
    "Against",
    "ColumnShift",
    "Measured",
    "Part",
    "Table",
    "Watched",
    "benjamini_hochberg",
    "cauchy_combination",
    "compare",
    "judge",
    "weighted_bonferroni",
]
