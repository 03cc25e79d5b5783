"""How selections are spelled in PromQL."""

from __future__ import annotations

import re

import pytest

from foresight.series import SeriesKey
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.promql import anything_within, samples_of, selector
from foresight.telemetry.source import Selection

ENTRY = WatchedMetric.model_validate(
    {
        "name": "a",
        "metric": "node_load1",
        "matchers": {"job": "host", "instance": {"not_regex": 'x"|y\\d'}, "zone": {"not_equals": ""}},
    }
)
QUERY = WatchedMetric(name="a", query="rate(x[5m])")
KEYS = (SeriesKey.of("node_load1"),)


def test_metric_and_matchers_become_a_selector() -> None:
    assert selector(ENTRY) == r'{__name__="node_load1",job="host",instance!~"x\"|y\\d",zone!=""}'


def test_names_beyond_the_classic_ones_are_quoted() -> None:
    entry = WatchedMetric.model_validate({"name": "a", "metric": 'my "metric"', "matchers": {"ho.st": "ü"}})
    assert selector(entry) == r'{__name__="my \"metric\"","ho.st"="ü"}'


def test_one_value_narrows_by_equality_and_many_by_a_regex() -> None:
    entry = WatchedMetric(name="a", metric="m")
    narrowed = (("x", ("a.b",)), ("y", ("", "c+d", "e|f")))
    assert selector(entry, narrowed) == r'{__name__="m",x="a.b",y=~"|c\\+d|e\\|f"}'


@pytest.mark.parametrize("value", ["\\", "a.b", "(x|y)*", "ü€", "{$^}[]+?", "a\nb", ""])
def test_a_hostile_value_matches_itself_alone(value: str) -> None:
    spelled = selector(WatchedMetric(name="a", metric="m"), (("x", (value, "other")),))
    inner = re.fullmatch(r'\{__name__="m",x=~"(.*)"\}', spelled)
    assert inner
    pattern = inner[1].replace("\\n", "\n").replace("\\\\", "\\")
    assert [bool(re.fullmatch(pattern, given)) for given in (value, "other", f"{value}x", "x")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_sample_is_the_mean_over_its_slot() -> None:
    selection = Selection(WatchedMetric(name="a", metric="m"), KEYS, (("x", ("1",)),))
    assert samples_of(selection, 60, closed=False) == 'avg_over_time({__name__="m",x="1"}[60s])'


def test_where_ranges_are_closed_the_earlier_border_is_left_out() -> None:
    selection = Selection(WatchedMetric(name="a", metric="m"), KEYS)
    assert samples_of(selection, 60, closed=True) == 'avg_over_time({__name__="m"}[59999ms])'
    assert (
        anything_within(selection.entry, 43200, closed=True) == 'last_over_time({__name__="m"}[43199999ms])'
    )


def test_a_query_is_taken_as_it_stands() -> None:
    assert samples_of(Selection(QUERY, KEYS), 60, closed=True) == "rate(x[5m])"
    assert anything_within(QUERY, 3600, closed=False) == "last_over_time((rate(x[5m])\n)[3600s:60s])"
