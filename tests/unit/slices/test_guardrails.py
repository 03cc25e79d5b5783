"""Guardrails: no limit is ever broken, and no whole-number answer lies nearer to the prediction."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foresight.slices.guardrails import Guarded, Limits, Rule, breaches, guard

NO_MINIMUM = Limits(minimum_share=0.0)
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 2000).map(float)
ROW = st.tuples(st.integers(0, 3), ANY_FLOAT, ANY_FLOAT, st.booleans())


def distance(guarded: Guarded, final: NDArray[np.float64]) -> float:
    return float(((final - guarded.capped) ** 2).sum())


def brute_force(previous: list[int], capped: NDArray[np.float64], limits: Limits) -> float:
    """The least squared distance of any whole numbers inside both limits."""
    P = np.array(previous)
    spans = [range(p - int(p * 25) // 100, p + int(p * 25) // 100 + 1) for p in previous]
    F = np.array(list(product(*spans)))
    inside = np.abs(F.sum(1) - P.sum()) * 10 <= P.sum()
    assert limits.cell_share == 0.25
    return float(((F[inside] - capped) ** 2).sum(1).min())


def test_the_worked_example_of_mixed_signs_stays_inside_ten_percent() -> None:
    got = guard([0, 0], [100, 1000], [140, 760], NO_MINIMUM)
    assert got.final.tolist() == [125, 865]
    assert got.rule.tolist() == [Rule.CELL_CAP, Rule.SLICE_CAP]
    assert got.capped.tolist() == [125, 760]
    assert got.raw.tolist() == [140, 760]


def test_a_prediction_inside_every_limit_is_only_rounded() -> None:
    got = guard([0, 0, 0], [100, 100, 100], [106.4, 93.6, 100.2], NO_MINIMUM)
    assert got.final.tolist() == [106, 94, 100]
    assert set(got.rule) == {Rule.NEAREST}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 24), st.floats(0, 40)), min_size=1, max_size=4))
def test_the_answer_is_never_farther_than_the_best_of_all_whole_answers(
    cells: list[tuple[int, float]],
) -> None:
    previous, predicted = [p for p, _ in cells], [q for _, q in cells]
    got = guard([7] * len(cells), previous, predicted, NO_MINIMUM)
    best = brute_force(previous, got.capped, NO_MINIMUM)
    assert distance(got, got.final) == pytest.approx(best, abs=1e-9)


@settings(deadline=None)
@given(st.lists(ROW, max_size=40), st.sampled_from([0.0, 0.05, 0.2]))
def test_any_values_at_all_get_a_rule_and_break_no_limit(
    rows: list[tuple[int, float, float, bool]], minimum: float
) -> None:
    of, previous, predicted, active = map(np.array, zip(*rows, strict=True)) if rows else [np.zeros(0)] * 4
    limits = Limits(minimum_share=minimum)
    got = guard(of, previous, predicted, limits, active=active)
    sent = got.is_sent
    assert not breaches(of[sent], previous[sent], got.final[sent], limits).any()
    change = np.abs(got.final - previous)
    assert (change[sent] >= minimum * previous[sent] - 1e-9).all()
    kept = ~sent & ~np.isnan(got.final)
    assert (got.final[kept] == previous[kept]).all()
    assert set(got.rule) <= set(Rule)


def test_many_slices_are_settled_as_each_one_by_itself() -> None:
    rng = np.random.default_rng(1)
    of = rng.integers(0, 300, 3000)
    previous = rng.integers(1, 1500, 3000).astype(float)
    predicted = previous * rng.normal(1.05, 0.3, 3000).clip(0)
    together = guard(of, previous, predicted)
    for one in range(0, 300, 7):
        alone = guard(of[of == one], previous[of == one], predicted[of == one])
        assert together.final[of == one].tolist() == alone.final.tolist()
        assert together.rule[of == one].tolist() == alone.rule.tolist()


def test_a_million_random_cells_break_no_limit_before_or_after_small_changes_are_left_out() -> None:
    rng = np.random.default_rng(2)
    n = 1_000_000
    of = rng.integers(0, n // 5, n)
    previous = np.floor(10 ** rng.uniform(0, 6, n))
    predicted = previous * rng.choice([0.0, 0.5, 0.9, 1.0, 1.06, 1.2, 3.0], n) * rng.uniform(0.9, 1.1, n)
    for limits in (NO_MINIMUM, Limits()):
        got = guard(of, previous, predicted, limits)
        sent = got.is_sent
        assert sent.sum() > n // 3
        assert not breaches(of, previous, got.final, limits).any()
        assert not breaches(of[sent], previous[sent], got.final[sent], limits).any()


def test_the_largest_values_lose_no_unit_to_rounding() -> None:
    previous = np.full(10_000, 1e9)
    predicted = previous * np.random.default_rng(3).uniform(1.0, 1.4, 10_000)
    got = guard(np.zeros(10_000, int), previous, predicted, NO_MINIMUM)
    assert int(got.final.sum()) - int(previous.sum()) == int(previous.sum()) // 10


@pytest.mark.parametrize(
    ("previous", "predicted", "rule", "final"),
    [
        (0, 10, Rule.ZERO_PREVIOUS, None),
        (np.nan, 10, Rule.NO_PREVIOUS, None),
        (-5, 10, Rule.INVALID_PREVIOUS, None),
        (10.5, 10, Rule.INVALID_PREVIOUS, None),
        (np.inf, 10, Rule.INVALID_PREVIOUS, None),
        (2e9, 10, Rule.INVALID_PREVIOUS, None),
        (100, np.nan, Rule.NO_PREDICTION, 100),
        (100, np.inf, Rule.INVALID_PREDICTION, 100),
        (100, -np.inf, Rule.INVALID_PREDICTION, 100),
        (100, -1, Rule.INVALID_PREDICTION, 100),
        (100, 104.9, Rule.NEAREST, 105),
        (100, 104.4, Rule.BELOW_MINIMUM, 100),
        (100, 0, Rule.SLICE_CAP, 90),
        (3, 100, Rule.BELOW_MINIMUM, 3),
    ],
)
def test_each_kind_of_value_has_a_stated_outcome(
    previous: float, predicted: float, rule: Rule, final: float | None
) -> None:
    got = guard([0], [previous], [predicted])
    assert Rule(got.rule[0]) is rule
    assert (None if np.isnan(got.final[0]) else got.final[0]) == final


def test_a_stale_quiet_or_inactive_cell_keeps_its_value_and_says_why() -> None:
    limits = Limits(quiet_seconds=900, max_age_seconds=60)
    got = guard(
        [0, 0, 0, 0],
        [100] * 4,
        [109] * 4,
        limits,
        age_seconds=[61, 0, 0, np.nan],
        quiet_for_seconds=[np.nan, 899, 900, 900],
        active=[True, True, False, True],
    )
    assert [Rule(rule) for rule in got.rule] == [
        Rule.STALE_PREVIOUS,
        Rule.RATE_LIMITED,
        Rule.INACTIVE_SLICE,
        Rule.STALE_PREVIOUS,
    ]
    assert got.final.tolist() == [100] * 4


def test_a_cell_may_change_again_once_its_quiet_time_is_over() -> None:
    got = guard([0, 0], [100, 100], [109, 109], Limits(quiet_seconds=900), quiet_for_seconds=[900, np.nan])
    assert got.is_sent.all()


def test_leaving_a_small_change_out_does_not_let_the_others_break_the_slice_limit() -> None:
    got = guard([0] * 3, [100, 100, 1000], [125, 125, 956])
    assert got.final.tolist() == [110, 110, 1000]
    assert [Rule(rule).label for rule in got.rule] == ["slice_cap", "slice_cap", "below_minimum"]


def test_a_share_that_binary_fractions_cannot_spell_is_exact() -> None:
    limits = Limits(cell_share=0.29, slice_share=0.29, minimum_share=0)
    assert guard([0], [100], [200], limits).final.tolist() == [129]


def test_no_rows_give_no_rows() -> None:
    got = guard([], [], [])
    assert len(got.final) == len(got.rule) == 0


@pytest.mark.parametrize("wrong", [{"cell_share": -0.1}, {"slice_share": 1.5}, {"quiet_seconds": np.nan}])
def test_impossible_limits_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
