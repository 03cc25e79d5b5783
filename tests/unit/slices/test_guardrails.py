"""Guardrails: no limit is ever broken, and no whole-number answer lies nearer to the prediction."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.slices.guardrails import Box, Limits, Rule, breaches, guard
from foresight.slices.knapsack import choose
from tests.unit.slices import nearest_changes

NO_MINIMUM = Limits(minimum_share=0.0)
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 2000).map(float)
ROW = st.tuples(st.integers(0, 3), ANY_FLOAT, ANY_FLOAT, st.booleans())


def test_the_worked_example_of_mixed_signs_stays_inside_ten_percent() -> None:
    got = guard([0, 0], [100, 1000], [140, 760], NO_MINIMUM)
    assert got.final.tolist() == [125, 865]
    assert got.rule.tolist() == [Rule.CELL_CAP, Rule.SLICE_CAP]
    assert got.capped.tolist() == [125, 760]
    assert got.raw.tolist() == [140, 760]


def test_a_prediction_inside_every_limit_is_only_rounded() -> None:
    got = guard([0, 0, 0], [100, 100, 100], [106.4, 93.6, 100.2], NO_MINIMUM)
    assert got.final.tolist() == [106, 94, 100]
    assert got.rule.tolist() == [Rule.NEAREST, Rule.NEAREST, Rule.BELOW_MINIMUM]


WISH = st.tuples(st.integers(1, 40), st.sampled_from([-9.0, -4.0, 3.0, 6.0, 10.0]))
SMALL = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 400).map(lambda n: n / 4)), min_size=1, max_size=4
)


@settings(deadline=None)
@given(SMALL)
def test_no_allowed_change_is_nearer_than_the_chosen_one(cells: list[tuple[int, float]]) -> None:
    got = guard([7] * len(cells), *zip(*cells, strict=True))
    changes = [int(f) - p for f, (p, _) in zip(got.final, cells, strict=True)]
    assert nearest_changes.is_allowed(cells, changes)
    assert nearest_changes.distance(cells, changes) == nearest_changes.by_enumeration(cells)
    assert not got.gap.any()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 500)), min_size=1, max_size=14))
def test_a_slow_programme_over_all_sums_finds_nothing_nearer(cells: list[tuple[int, float]]) -> None:
    got = guard([7] * len(cells), *zip(*cells, strict=True))
    changes = [int(f) - p for f, (p, _) in zip(got.final, cells, strict=True)]
    assert nearest_changes.is_allowed(cells, changes)
    found = float(nearest_changes.distance(cells, changes))
    assert found == pytest.approx(nearest_changes.by_sums(cells), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(st.lists(WISH, min_size=1, max_size=4), st.integers(0, 12), st.integers(0, 12), st.integers(1, 9))
def test_however_narrow_the_limit_of_the_sum_nothing_allowed_is_nearer(
    cells: list[tuple[int, float]], lower: int, upper: int, least: int
) -> None:
    wish = np.array([c for _, c in cells])
    most = np.minimum([m for m, _ in cells], np.abs(wish)).astype(np.int64)
    n, smallest = len(cells), np.full(len(cells), least)
    got = choose(np.zeros(n, np.int64), wish, smallest, most, np.array([lower]), np.array([upper])).change
    spans = [
        [0, *(int(np.sign(c)) * d for d in range(least, m + 1))] for c, m in zip(wish, most, strict=True)
    ]
    allowed = [d for d in product(*spans) if -lower <= sum(d) <= upper]
    assert tuple(got.tolist()) in allowed
    assert ((got - wish) ** 2).sum() == pytest.approx(min(((np.array(d) - wish) ** 2).sum() for d in allowed))


@pytest.mark.parametrize(("n", "most"), [(200, 1e-2), (1000, 1e-4)])
def test_a_slice_too_large_for_the_programme_is_nearest_within_a_stated_gap(n: int, most: float) -> None:
    rng = np.random.default_rng(n)
    for spread in (0.3, 3.0):
        previous = np.floor(10 ** rng.uniform(3, 3 + spread, n))
        predicted = previous * rng.normal(1.15, 0.1, n)
        got = guard([0] * n, previous, predicted)
        assert 0 <= got.gap.max() <= most
        assert not breaches([0] * n, previous, got.final, Limits()).any()


def test_cells_that_do_not_move_make_room_for_one_that_does() -> None:
    got = guard([0] * 10, [100] * 10, [125] + [100] * 9)
    assert got.final.tolist() == [125] + [100] * 9
    held = guard([0] * 10, [100] * 10, [125] + [np.nan] * 9)
    assert held.final[0] == 125


def test_equal_cells_are_given_the_room_in_the_order_of_their_ids() -> None:
    got = guard([0] * 40, [4] * 40, [9] * 40)
    assert got.final.tolist() == [5] * 16 + [4] * 24
    assert [Rule(rule).label for rule in got.rule[15:17]] == ["cell_cap", "no_room"]


def test_a_value_that_is_not_fresh_makes_no_room() -> None:
    got = guard([0, 0], [100, 1000], [125, 1000], age_seconds=[0, 4000])
    assert got.final.tolist() == [110, 1000]


@settings(deadline=None)
@given(st.lists(ROW, max_size=40), st.sampled_from([0.0, 0.05, 0.2]))
def test_any_values_at_all_get_a_rule_and_break_no_limit(
    rows: list[tuple[int, float, float, bool]], minimum: float
) -> None:
    of, previous, predicted, active = map(np.array, zip(*rows, strict=True)) if rows else [np.zeros(0)] * 4
    limits = Limits(minimum_share=minimum)
    holds = np.where(active, Rule.NEAREST, Rule.INACTIVE_SLICE)
    got = guard(of, previous, predicted, limits, holds=holds)
    valid = ~np.isnan(got.final)
    assert not breaches(of[valid], previous[valid], got.final[valid], limits).any()
    sent, change = got.is_sent, np.abs(got.final - previous)
    assert (change[sent] >= minimum * previous[sent] - 1e-9).all()
    assert (got.final[~sent & valid] == previous[~sent & valid]).all()
    assert set(got.rule) <= set(Rule)


BOX = st.tuples(st.integers(1, 300), st.floats(0, 600), st.integers(0, 300), st.integers(0, 300))


@settings(deadline=None)
@given(st.lists(BOX, min_size=1, max_size=8), st.integers(0, 30), st.integers(0, 30))
def test_floor_ceiling_and_the_limits_of_a_day_hold_for_any_values(
    rows: list[tuple[int, float, int, int]], down: int, up: int
) -> None:
    previous, predicted, first, second = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    floor, ceiling = np.minimum(first, second), np.maximum(first, second)
    total, of = previous.sum(), np.zeros(len(rows), int)
    box = Box(floor, ceiling, slice_lowest=total - down, slice_highest=total + up)
    got = guard(of, previous, predicted, box=box)
    inside = (previous >= floor) & (previous <= ceiling)
    assert ((got.final >= floor) & (got.final <= ceiling))[inside].all()
    assert -down <= got.final.sum() - total <= up
    back = np.where(previous < floor, 1, -1)
    assert ((got.final - previous) * back >= 0)[~inside].all()
    assert not breaches(of, previous, got.final, Limits()).any()


def test_a_value_outside_its_floor_is_led_back_by_less_than_the_smallest_change() -> None:
    got = guard([0, 0], [98, 1000], [98, 1000], box=Box(floor=[100, 0]))
    assert got.final.tolist() == [100, 1000]
    assert Rule(got.rule[0]) is Rule.BOUND_CAP


def test_a_value_beyond_the_limit_of_the_day_stays() -> None:
    got = guard([0, 0], [100, 1000], [120, 1000], box=Box(highest=[90, np.nan]))
    assert got.final.tolist() == [100, 1000]
    assert Rule(got.rule[0]) is Rule.BELOW_MINIMUM


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


def test_the_programme_by_sums_finds_what_a_slow_one_finds_in_many_slices_at_once() -> None:
    rng = np.random.default_rng(4)
    n_slices, n_cells = 400, 8
    of = np.repeat(np.arange(n_slices), n_cells)
    previous = rng.integers(1, 200, n_slices * n_cells)
    predicted = np.round(previous * rng.uniform(0.6, 1.6, n_slices * n_cells), 2)
    got = guard(of, previous, predicted)
    assert not got.gap.any()
    for one in range(n_slices):
        rows = of == one
        cells = list(zip(previous[rows].tolist(), predicted[rows].tolist(), strict=True))
        changes = (got.final[rows] - previous[rows]).astype(int).tolist()
        assert nearest_changes.is_allowed(cells, changes)
        found = float(nearest_changes.distance(cells, changes))
        assert found == pytest.approx(nearest_changes.by_sums(cells), rel=1e-9, abs=1e-9)


def test_many_random_cells_break_no_limit_before_or_after_small_changes_are_left_out() -> None:
    """The benchmark ``slice_guardrails`` does the same with ten million."""
    rng = np.random.default_rng(2)
    n = 50_000
    of = rng.integers(0, n // 5, n)
    previous = np.floor(10 ** rng.uniform(0, 6, n))
    predicted = previous * rng.choice([0.0, 0.5, 0.9, 1.0, 1.06, 1.2, 3.0], n) * rng.uniform(0.9, 1.1, n)
    for limits in (NO_MINIMUM, Limits()):
        got = guard(of, previous, predicted, limits)
        assert got.is_sent.sum() > n // 3
        assert not breaches(of, previous, got.final, limits).any()


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
        (3, 100, Rule.TOO_SMALL, 3),
    ],
)
def test_each_kind_of_value_has_a_stated_outcome(
    previous: float, predicted: float, rule: Rule, final: float | None
) -> None:
    got = guard([0], [previous], [predicted])
    assert Rule(got.rule[0]) is rule
    assert (None if np.isnan(got.final[0]) else got.final[0]) == final


def test_a_stale_cooling_or_inactive_cell_keeps_its_value_and_says_why() -> None:
    limits = Limits(cooldown_seconds=900, max_age_seconds=60)
    got = guard(
        [0, 0, 0, 0],
        [100] * 4,
        [109] * 4,
        limits,
        age_seconds=[61, 0, 0, np.nan],
        unchanged_seconds=[np.nan, 899, 900, 900],
        holds=[Rule.NEAREST, Rule.NEAREST, Rule.INACTIVE_SLICE, Rule.NEAREST],
    )
    assert [Rule(rule) for rule in got.rule] == [
        Rule.STALE_PREVIOUS,
        Rule.RATE_LIMITED,
        Rule.INACTIVE_SLICE,
        Rule.STALE_PREVIOUS,
    ]
    assert got.final.tolist() == [100] * 4


def test_a_cell_may_change_again_once_its_cooldown_is_over() -> None:
    got = guard([0, 0], [100, 100], [109, 109], Limits(cooldown_seconds=900), unchanged_seconds=[900, np.nan])
    assert got.is_sent.all()


def test_a_share_that_binary_fractions_cannot_spell_is_exact() -> None:
    limits = Limits(cell_share=0.29, slice_share=0.29, minimum_share=0)
    assert guard([0], [100], [200], limits).final.tolist() == [129]


def test_no_rows_give_no_rows() -> None:
    got = guard([], [], [])
    assert len(got.final) == len(got.rule) == 0


@pytest.mark.parametrize("wrong", [{"cell_share": -0.1}, {"slice_share": 1.5}, {"cooldown_seconds": np.nan}])
def test_impossible_limits_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
