"""Trends: what the validated observations of a case add up to, by group and over time.

A question is checked against the case's schema before it is asked; names of columns are quoted
and values are bound, so that no text of a question ever becomes SQL. Rows in quarantine, and rows
not known yet, take no part.
"""

from pipeline.trends.answers import Answer, Observations
from pipeline.trends.conditions import Condition, parse_condition
from pipeline.trends.questions import AGGREGATES, BUCKETS, Aggregate, Bucket, Question
from pipeline.trends.unknown import require_known_values
from pipeline.trends.views import TrendView, check_views

__all__ = [
    "AGGREGATES",
    "BUCKETS",
    "Aggregate",
    "Answer",
    "Bucket",
    "Condition",
    "Observations",
    "Question",
    "TrendView",
    "check_views",
    "parse_condition",
    "require_known_values",
]
