"""Guardrails: the whole number of connections nearest to each prediction, inside every limit.

For previous values ``P``, predictions ``Q`` and answers ``F`` of the cells of one slice:
``|F - P| <= cell_share * P`` for each cell, ``|sum(F) - sum(P)| <= slice_share * sum(P)`` for the slice, and
a change below ``minimum_share * P`` is not made. Cells that keep their value, for whichever reason, take no
part in the sums, so that the limits hold for the cells of a message alone and for the slice as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.slices.projection import Floats, Ints, nearest, project

LARGEST_PREVIOUS: Final = 1_000_000_000
"""A configured number of connections above this is taken for an error; sums stay exact in 64 bits."""

_PARTS: Final = 1_000_000
_ROUNDS: Final = 64


class Rule(IntEnum):
    """What decided a row. The first three are sent; all others keep the previous value, or have none."""

    NEAREST = 0
    CELL_CAP = 1
    SLICE_CAP = 2
    BELOW_MINIMUM = 3
    RATE_LIMITED = 4
    NO_PREDICTION = 5
    INVALID_PREDICTION = 6
    STALE_PREVIOUS = 7
    ZERO_PREVIOUS = 8
    NO_PREVIOUS = 9
    INVALID_PREVIOUS = 10
    INACTIVE_SLICE = 11

    @property
    def label(self) -> str:
        """As stored and shown: ``slice_cap``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may change. Shares are parts of the previous value, exact to six decimals.

    ``quiet_seconds``: a cell changed less than this ago keeps its value; 0 for no such limit.
    ``max_age_seconds``: a previous value read longer ago than this is stale.
    """

    cell_share: float = 0.25
    slice_share: float = 0.10
    minimum_share: float = 0.05
    quiet_seconds: float = 0.0
    max_age_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("cell_share", "slice_share", "minimum_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("quiet_seconds", "max_age_seconds"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Guarded:
    """Per row: the prediction as given, cut to the cell's limit, and the whole number decided.

    NaN where there is none. ``final`` is the previous value where nothing is sent and there is one.
    """

    raw: Floats
    capped: Floats
    final: Floats
    rule: NDArray[np.int8]

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
    quiet_for_seconds: ArrayLike = np.inf,
    active: ArrayLike = True,
) -> Guarded:
    """Guard the predictions of many cells of many slices at once; any order, any values, never an exception.

    ``slices`` int ``[n]``: the slice of each row. ``previous`` and ``predicted`` float ``[n]``.
    ``age_seconds``: since the previous value was read; ``quiet_for_seconds``: since it was last changed
    (NaN: never); ``active``: of the slice.
    """
    of = np.asarray(slices, np.int64)
    P, Q = np.asarray(previous, np.float64), np.asarray(predicted, np.float64)
    age, quiet = np.asarray(age_seconds, np.float64), np.asarray(quiet_for_seconds, np.float64)
    rule = _refusals(P, Q, limits, age, quiet, np.asarray(active, np.bool_))
    order = np.argsort(of, kind="stable")
    rows = order[rule[order] == Rule.NEAREST]
    capped = np.full(len(P), np.nan)
    whole = P[rows].astype(np.int64)
    capped[rows] = np.clip(Q[rows], whole * (1 - limits.cell_share), whole * (1 + limits.cell_share))
    change, kept = _settle(of[rows], whole, capped[rows] - whole, limits)
    final = np.where(_is_count(P) & (P > 0), P, np.nan)
    final[rows] = whole + change
    moved = change != nearest(capped[rows] - whole, _share_of(whole, limits.cell_share))
    rule[rows] = np.where(kept, Rule.BELOW_MINIMUM, np.where(moved, Rule.SLICE_CAP, Rule.NEAREST))
    rule[(rule == Rule.NEAREST) & (capped != Q)] = Rule.CELL_CAP
    return Guarded(Q, capped, final, rule)


def breaches(slices: ArrayLike, previous: ArrayLike, final: ArrayLike, limits: Limits) -> NDArray[np.bool_]:
    """Which rows of whole numbers break the limit of their cell, or lie in a slice that breaks its own."""
    P, F = np.asarray(previous, np.int64), np.asarray(final, np.int64)
    _, of = np.unique(np.asarray(slices), return_inverse=True)
    total, before = np.zeros(len(P), np.int64), np.zeros(len(P), np.int64)
    np.add.at(total, of, F - P)
    np.add.at(before, of, P)
    cell = np.abs(F - P) > _share_of(P, limits.cell_share)
    return np.asarray(cell | (np.abs(total) > _share_of(before, limits.slice_share))[of])


def _refusals(
    P: Floats, Q: Floats, limits: Limits, age: Floats, quiet: Floats, active: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """The rule that keeps each row from being changed, the gravest where several do, else ``NEAREST``."""
    ladder = (
        (~active, Rule.INACTIVE_SLICE),
        (np.isnan(P), Rule.NO_PREVIOUS),
        (~_is_count(P), Rule.INVALID_PREVIOUS),
        (P == 0, Rule.ZERO_PREVIOUS),
        (~(age <= limits.max_age_seconds), Rule.STALE_PREVIOUS),
        (np.isnan(Q), Rule.NO_PREDICTION),
        (np.isinf(Q) | (Q < 0), Rule.INVALID_PREDICTION),
        ((limits.quiet_seconds > 0) & (quiet < limits.quiet_seconds), Rule.RATE_LIMITED),
    )
    tests = [np.broadcast_to(test, P.shape) for test, _ in ladder]
    return np.select(tests, [rule for _, rule in ladder], Rule.NEAREST).astype(np.int8)


def _is_count(P: Floats) -> NDArray[np.bool_]:
    return np.asarray((P >= 0) & (P <= LARGEST_PREVIOUS) & (np.floor(P) == P))


def _settle(of: Ints, P: Ints, wish: Floats, limits: Limits) -> tuple[Ints, NDArray[np.bool_]]:
    """The change of each row, and which rows keep their value because their change would be too small.

    Leaving a small change out moves the sums, so the others are settled again, until none is small. Each
    round leaves out at least one row of an unsettled slice; one not settled in time keeps all its values.
    """
    change, kept = np.zeros(len(P), np.int64), np.zeros(len(P), np.bool_)
    least = -_share_of(-P, limits.minimum_share)  # rounded up
    todo = np.arange(len(P))
    for _ in range(_ROUNDS):
        limit = _share_of(P[todo], limits.cell_share)
        change[todo] = project(of[todo], wish[todo], limit, _bounds(of[todo], P[todo], limits))
        small = np.abs(change[todo]) < least[todo]
        kept[todo[small]] = True
        change[kept] = 0
        todo = todo[~small & np.isin(of[todo], of[todo[small]])]
        if not len(todo):
            return change, kept
    change[todo], kept[todo] = 0, True
    return change, kept


def _bounds(of: Ints, P: Ints, limits: Limits) -> Ints:
    """How far the sum of each slice may move; ``of`` in runs."""
    if not len(of):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
    return _share_of(np.add.reduceat(P, starts), limits.slice_share)


def _share_of(values: Ints, share: float) -> Ints:
    """``floor(values * share)`` in exact whole numbers: binary fractions would lose 29 of 0.29 * 100."""
    parts = round(share * _PARTS)
    return values // _PARTS * parts + values % _PARTS * parts // _PARTS
