"""Guardrails: the whole number of connections nearest to each prediction, inside every limit.

For previous values ``P``, predictions ``Q`` and answers ``F`` of the cells of one slice:
``|F - P| <= cell_share * P`` for each cell, ``|sum(F) - sum(P)| <= slice_share * sum(P)`` for the slice as a
whole, and a change below ``minimum_share * P`` is not made. A cell moves towards its prediction and not
beyond it. ``sum(P)`` covers every cell with a whole, positive, fresh previous value, whether it moves or not.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.slices.knapsack import choose
from foresight.slices.projection import Floats, Ints, nearest

log = logging.getLogger(__name__)

LARGEST_PREVIOUS: Final = 1_000_000_000
"""A configured number of connections above this is taken for an error; sums stay exact in 64 bits."""

_PARTS: Final = 1_000_000


class Rule(IntEnum):
    """What decided a row. The first four are sent; all others keep the previous value, or have none."""

    NEAREST = 0
    CELL_CAP = 1
    BOUND_CAP = 2
    SLICE_CAP = 3
    BELOW_MINIMUM = 4
    TOO_SMALL = 5
    NO_ROOM = 6
    RATE_LIMITED = 7
    ALREADY_SENT = 8
    NOT_APPLIED = 9
    MODEL_WORSE = 10
    HELD = 11
    NO_PREDICTION = 12
    INVALID_PREDICTION = 13
    STALE_PREVIOUS = 14
    ZERO_PREVIOUS = 15
    NO_PREVIOUS = 16
    INVALID_PREVIOUS = 17
    INACTIVE_SLICE = 18
    UNREADABLE_CELL = 19
    AMBIGUOUS_CELL = 20

    @property
    def label(self) -> str:
        """As stored and shown: ``slice_cap``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may change. Shares are parts of the previous value, exact to six decimals.

    ``cooldown_seconds``: a cell changed less than this ago keeps its value; 0 for no such limit.
    ``max_age_seconds``: a previous value read longer ago than this is stale.
    """

    cell_share: float = 0.25
    slice_share: float = 0.10
    minimum_share: float = 0.05
    cooldown_seconds: float = 0.0
    max_age_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("cell_share", "slice_share", "minimum_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("cooldown_seconds", "max_age_seconds"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Box:
    """Limits that do not follow from the previous value, by row ``[n]`` or for all; NaN where there is none.

    ``floor`` and ``ceiling`` of the cell hold always: a value outside them is led back, by less than the
    smallest change if need be. ``lowest`` and ``highest`` are how far it may go now (the day's limit, the
    room that slices share in a cell); a value outside them stays. ``slice_lowest`` and ``slice_highest``
    limit the sum of the row's slice in the same way.
    """

    floor: ArrayLike = np.nan
    ceiling: ArrayLike = np.nan
    lowest: ArrayLike = np.nan
    highest: ArrayLike = np.nan
    slice_lowest: ArrayLike = np.nan
    slice_highest: ArrayLike = np.nan


@dataclass(frozen=True, slots=True)
class Guarded:
    """Per row: the prediction as given, cut to the cell's limit, and the whole number decided.

    NaN where there is none. ``final`` is the previous value where nothing is sent and there is one. ``gap``:
    how much nearer the answer of a row's slice could be at most, as a part of its distance; 0 where it is
    proved to be the nearest.
    """

    raw: Floats
    capped: Floats
    final: Floats
    rule: NDArray[np.int8]
    gap: Floats

    @property
    def is_sent(self) -> NDArray[np.bool_]:
        """Which rows belong into a policy message."""
        return self.rule <= Rule.SLICE_CAP


def guard(
    slices: ArrayLike,
    previous: ArrayLike,
    predicted: ArrayLike,
    limits: Limits = Limits(),
    *,
    age_seconds: ArrayLike = 0.0,
    unchanged_seconds: ArrayLike = np.inf,
    holds: ArrayLike = Rule.NEAREST,
    box: Box = Box(),
) -> Guarded:
    """Guard the predictions of many cells of many slices at once; any order, any values, never an exception.

    Give every cell of a slice, in the order of their ids: ties go to the first. ``slices`` int ``[n]``: the
    slice of each row. ``previous`` and ``predicted`` float ``[n]``. ``age_seconds``: since the previous value
    was read; ``unchanged_seconds``: since it was last changed (NaN: never); ``holds``: the rule that keeps a
    row's value for a reason of the caller's, ``Rule.NEAREST`` for none.
    """
    of = np.asarray(slices, np.int64)
    P, Q = np.asarray(previous, np.float64), np.asarray(predicted, np.float64)
    age, unchanged = np.asarray(age_seconds, np.float64), np.asarray(unchanged_seconds, np.float64)
    rule = _refusals(P, Q, limits, age, unchanged, np.asarray(holds, np.int8))
    order = np.argsort(of, kind="stable")
    counted = order[(_is_count(P) & (P > 0) & (age <= limits.max_age_seconds))[order]]
    final = np.where(_is_count(P) & (P > 0), P, np.nan)
    capped, gap = np.full(len(P), np.nan), np.zeros(len(P))
    if len(counted):
        chosen = _Choice.of(
            of[counted], P[counted], Q[counted], rule[counted], limits, _rows(box, counted, len(P))
        )
        rows = counted[chosen.is_moving]
        capped[rows] = chosen.capped[chosen.is_moving]
        final[counted] = P[counted] + chosen.change
        rule[rows], gap[counted] = chosen.rule[chosen.is_moving], chosen.gap
    return Guarded(Q, capped, final, rule, gap)


def breaches(slices: ArrayLike, previous: ArrayLike, final: ArrayLike, limits: Limits) -> NDArray[np.bool_]:
    """Which rows of whole numbers break the limit of their cell, or lie in a slice that breaks its own.

    Give every row of a slice that has a whole, positive, fresh previous value.
    """
    P, F = np.asarray(previous, np.int64), np.asarray(final, np.int64)
    _, of = np.unique(np.asarray(slices), return_inverse=True)
    total, before = np.zeros(len(P), np.int64), np.zeros(len(P), np.int64)
    np.add.at(total, of, F - P)
    np.add.at(before, of, P)
    cell = np.abs(F - P) > _share_of(P, limits.cell_share)
    return np.asarray(cell | (np.abs(total) > _share_of(before, limits.slice_share))[of])


def _refusals(
    P: Floats, Q: Floats, limits: Limits, age: Floats, unchanged: Floats, holds: NDArray[np.int8]
) -> NDArray[np.int8]:
    """The rule that keeps each row from being changed, the gravest where several do, else ``NEAREST``."""
    held = np.broadcast_to(holds, P.shape)
    ladder = (
        (held >= Rule.INACTIVE_SLICE, held),
        (np.isnan(P), Rule.NO_PREVIOUS),
        (~_is_count(P), Rule.INVALID_PREVIOUS),
        (P == 0, Rule.ZERO_PREVIOUS),
        (~(age <= limits.max_age_seconds), Rule.STALE_PREVIOUS),
        (held == Rule.HELD, held),
        (np.isnan(Q), Rule.NO_PREDICTION),
        (np.isinf(Q) | (Q < 0), Rule.INVALID_PREDICTION),
        (held != Rule.NEAREST, held),
        ((limits.cooldown_seconds > 0) & (unchanged < limits.cooldown_seconds), Rule.RATE_LIMITED),
    )
    tests = [np.broadcast_to(test, P.shape) for test, _ in ladder]
    found = np.select(tests, [np.broadcast_to(rule, P.shape) for _, rule in ladder], Rule.NEAREST)
    return found.astype(np.int8)


def _is_count(P: Floats) -> NDArray[np.bool_]:
    return np.asarray((P >= 0) & (P <= LARGEST_PREVIOUS) & (np.floor(P) == P))


def _rows(box: Box, rows: Ints, n: int) -> dict[str, Floats]:
    """The limits of a box for some of ``n`` rows, without NaN."""
    lacking = {"floor": -np.inf, "ceiling": np.inf, "lowest": -np.inf, "highest": np.inf}
    lacking |= {"slice_lowest": -np.inf, "slice_highest": np.inf}
    found = {}
    for name, value in lacking.items():
        given = np.broadcast_to(np.asarray(getattr(box, name), np.float64), (n,))[rows]
        found[name] = np.where(np.isnan(given), value, given)
    return found


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen for the rows of whole, positive, fresh previous values, in runs of slices."""

    is_moving: NDArray[np.bool_]
    capped: Floats
    change: Ints
    rule: NDArray[np.int8]
    gap: Floats

    @classmethod
    def of(
        cls, of: Ints, P: Floats, Q: Floats, rule: NDArray[np.int8], limits: Limits, box: dict[str, Floats]
    ) -> _Choice:
        moving = np.asarray(rule == Rule.NEAREST)
        whole = P.astype(np.int64)
        limit = _share_of(whole, limits.cell_share)
        capped = np.clip(Q, whole * (1 - limits.cell_share), whole * (1 + limits.cell_share))
        wish = np.where(moving, capped - whole, 0.0)
        plain = nearest(wish, limit)
        least = np.maximum(-_share_of(-whole, limits.minimum_share), 1)  # rounded up
        low, high, is_forced = _sides(P, box)
        wish = np.where(
            is_forced & moving, np.clip(wish, np.maximum(low, -limit), np.minimum(high, limit)), wish
        )
        least = np.where(is_forced, 1, least)
        down, up = np.minimum(-np.minimum(low, 0), limit), np.minimum(np.maximum(high, 0), limit)
        down, up = np.where(low > 0, 0, down), np.where(high < 0, 0, up)
        bound = np.clip(nearest(wish, limit), -down, up).astype(np.int64)
        lower, upper = _sums(of, whole, limits, box)
        chosen = choose(of, wish, least, np.abs(bound), lower, upper)
        change, gap = chosen.change, chosen.gap
        best = np.where(np.abs(bound) >= least, bound, 0)
        conditions = (
            (limit < least, Rule.TOO_SMALL),
            (best == 0, Rule.BELOW_MINIMUM),
            (change == 0, Rule.NO_ROOM),
            (change != best, Rule.SLICE_CAP),
            ((bound != plain) | is_forced, Rule.BOUND_CAP),
            (capped != Q, Rule.CELL_CAP),
        )
        found = np.select([test for test, _ in conditions], [rule for _, rule in conditions], Rule.NEAREST)
        _, number = np.unique(of, return_inverse=True)
        if gap.any():
            log.info("nearest within %.2g of the distance, %d slices", gap.max(), np.count_nonzero(gap))
        return cls(moving, capped, change, found.astype(np.int8), gap[number])


def _sides(P: Floats, box: dict[str, Floats]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """How far each row may go down and up, in whole numbers; whether it lies outside floor and ceiling."""
    floor, ceiling = np.ceil(box["floor"]) - P, np.floor(box["ceiling"]) - P
    low = np.maximum(floor, np.minimum(np.ceil(box["lowest"]) - P, 0))
    high = np.minimum(ceiling, np.maximum(np.floor(box["highest"]) - P, 0))
    return low, high, np.asarray((floor > 0) | (ceiling < 0))


def _sums(of: Ints, P: Ints, limits: Limits, box: dict[str, Floats]) -> tuple[Ints, Ints]:
    """How far the sum of each slice may move down and up; ``of`` in runs."""
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
    total = np.add.reduceat(P, starts)
    share = _share_of(total, limits.slice_share)
    down = np.clip(total - np.ceil(box["slice_lowest"][starts]), 0, share)
    up = np.clip(np.floor(box["slice_highest"][starts]) - total, 0, share)
    return down.astype(np.int64), up.astype(np.int64)


def _share_of(values: Ints, share: float) -> Ints:
    """``floor(values * share)`` in exact whole numbers: binary fractions would lose 29 of 0.29 * 100."""
    parts = round(share * _PARTS)
    return values // _PARTS * parts + values % _PARTS * parts // _PARTS
