"""Events of a slot from counters, rates and shares, case by case."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from foresight.sla.events import counter_differences, events_of
from foresight.sla.ratios import Expression, Ratio

NAN = math.nan
COUNTER = {name: Expression(name, counter=True) for name in ("good", "bad", "total")}
PLAIN = {name: Expression(name) for name in ("good", "bad", "total", "raw")}


def of(ratio: Ratio, **values: list[list[float]]) -> tuple[list[float], list[float], int]:
    found = events_of(ratio, lambda part: np.array(values[part.query], np.float64), 60)
    return found.good.tolist(), found.total.tolist(), found.impossible


def same(left: Any, right: Any) -> bool:
    return bool(np.array_equal(np.array(left), np.array(right), equal_nan=True))


def test_a_counter_counts_the_difference_at_the_slots_ends_and_after_a_reset_the_new_value() -> None:
    grown = counter_differences(np.array([[5.0, 8.0, 8.0, 2.0, NAN, 4.0, 9.0]]))
    assert same(grown, [[3.0, 0.0, 2.0, NAN, NAN, 5.0]])


def test_events_are_summed_over_series_that_come_and_go() -> None:
    ratio = Ratio(good=COUNTER["good"], total=COUNTER["total"])
    good, total, _ = of(ratio, good=[[0, 1, 3], [NAN, 5, 6]], total=[[0, 2, 4], [NAN, 7, 9]])
    assert (good, total) == ([1.0, 3.0], [2.0, 4.0])


@pytest.mark.parametrize(
    ("good", "total", "expected"),
    [
        (1.0, 4.0, (1.0, 4.0)),
        (0.0, 0.0, (0.0, 0.0)),
        (NAN, 4.0, (NAN, NAN)),
        (1.0, NAN, (NAN, NAN)),
        (5.0, 4.0, (NAN, NAN)),
        (-1.0, 4.0, (NAN, NAN)),
        (0.0, -4.0, (NAN, NAN)),
    ],
)
def test_good_of_total(good: float, total: float, expected: tuple[float, float]) -> None:
    found = of(Ratio(good=PLAIN["good"], total=PLAIN["total"]), good=[[0, good]], total=[[0, total]])
    assert same([found[0][0], found[1][0]], expected)


@pytest.mark.parametrize(
    ("bad", "total", "expected"),
    [
        (1.0, 4.0, (3.0, 4.0)),
        (NAN, 4.0, (4.0, 4.0)),
        (NAN, NAN, (NAN, NAN)),
        (5.0, 4.0, (NAN, NAN)),
        (0, 0, (0, 0)),
    ],
)
def test_bad_of_total_and_bad_that_is_absent_is_none(
    bad: float, total: float, expected: tuple[float, float]
) -> None:
    found = of(Ratio(bad=PLAIN["bad"], total=PLAIN["total"]), bad=[[0, bad]], total=[[0, total]])
    assert same([found[0][0], found[1][0]], expected)


def test_good_that_is_absent_is_zero_where_the_sli_says_so() -> None:
    ratio = Ratio(good=PLAIN["good"], total=PLAIN["total"], good_absent="zero")
    assert of(ratio, good=[[NAN, NAN]], total=[[4.0, 4.0]])[:2] == ([0.0], [4.0])


def test_contradicting_numbers_are_counted() -> None:
    ratio = Ratio(good=PLAIN["good"], total=PLAIN["total"])
    assert of(ratio, good=[[0, 5, 1, 9]], total=[[0, 4, 4, 4]])[2] == 2


def test_a_rate_counts_for_the_seconds_of_the_slot() -> None:
    rates = {name: Expression(f"rate({name}[{{{{.window}}}}])") for name in ("bad", "total")}
    found = events_of(
        Ratio(**rates),
        lambda part: np.array([[0.0, 0.5]]) if "total" in part.query else np.array([[0.0, 0.1]]),
        60,
    )
    assert found.total.tolist() == [30.0]
    assert found.good.tolist() == pytest.approx([24.0])


def test_a_raw_share_is_one_event_a_slot_good_by_that_share() -> None:
    good = of(Ratio(raw=PLAIN["raw"]), raw=[[0, 0.75, NAN, 1.5]])
    assert same(good[0], [0.75, NAN, NAN])
    assert same(good[1], [1.0, NAN, NAN])
    assert good[2] == 1
    assert of(Ratio(raw=PLAIN["raw"], raw_is="bad"), raw=[[0, 0.75]])[0] == [0.25]
