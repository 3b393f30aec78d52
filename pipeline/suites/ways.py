"""In which way each expectation is judged over more rows than fit into memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.suites.screening import CONDITIONS

EACH_ROW = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_regex",
        "expect_multicolumn_sum_to_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
UNIQUE = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})
EXTREME = frozenset({"expect_column_max_to_be_between", "expect_column_min_to_be_between"})
DIFFERENT = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_unique_value_count_to_be_between",
    }
)
MEAN = "expect_column_mean_to_be_between"
WHOLE_TABLE = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})

WAYS = (("extreme", EXTREME), ("different", DIFFERENT), ("unique", UNIQUE))


def way_of(entry: Mapping[str, Any], *, derived: bool) -> str:
    """How an expectation is judged that no suspicion tells of; `derived`: it asks for columns that
    the table lacks.
    """
    kind = entry["type"]
    if kind in EACH_ROW:
        return "batch"
    if kind in WHOLE_TABLE:
        return "count"
    if kind == MEAN and not CONDITIONS & set(entry["kwargs"]):
        return "mean"
    if derived:
        return "derived"
    return next((way for way, kinds in WAYS if kind in kinds), "whole")
