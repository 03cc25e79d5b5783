"""Good and total events of each slot, from the stored series of a ratio's expressions. Pure.

Events of a slot are the differences of each counter at the slot's ends, summed over its series; after a reset
the new value counts. A rate a second counts for the seconds of the slot. What is absent is said here once:
total 0 is no traffic, total absent is missing, bad absent beside a total is 0 bad, good absent beside a total
is missing unless the SLI says 0; good or bad events that are negative or more than the total are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.sla.ratios import Expression, Ratio

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
"""Rounding of rates: a share of the total that bad or good events may exceed it by."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Good and total events of each slot, ``[n_slots]``, both NaN where missing; ``impossible`` counts the
    slots whose numbers contradict each other."""

    good: Floats
    total: Floats
    impossible: int = 0


def events_of(ratio: Ratio, series: Callable[[Expression], Floats], step_seconds: int) -> Events:
    """The events of each slot but the first, which only begins the differences of counters.

    ``series`` gives the stored values of an expression, ``[n_series, 1 + n_slots]``.
    """
    if ratio.raw is not None:
        return _raw(ratio, series(ratio.raw)[:, 1:])
    sums = {role: _summed(part, series(part), step_seconds) for role, part in ratio.parts.items()}
    total = sums["total"]
    known = np.isfinite(total)
    if ratio.bad is not None:
        bad = np.where(known & np.isnan(sums["bad"]), 0.0, sums["bad"])
        good = total - bad
    else:
        good = sums["good"]
        if ratio.good_absent == "zero":
            good = np.where(known & np.isnan(good), 0.0, good)
    slack = TOLERANCE * np.abs(total)
    wrong = known & np.isfinite(good) & ((good < -slack) | (good > total + slack) | (total < 0))
    missing = ~known | ~np.isfinite(good) | wrong
    total = np.where(missing, np.nan, total)
    good = np.where(missing, np.nan, np.clip(good, 0.0, np.where(missing, 0.0, np.maximum(total, 0.0))))
    return Events(good, total, int(wrong.sum()))


def counter_differences(values: Floats) -> Floats:
    """How much each counter grew in each slot but the first, ``[n_series, n_slots - 1]``; NaN where it is
    absent at either end. After a reset the new value counts."""
    before, after = values[:, :-1], values[:, 1:]
    with np.errstate(invalid="ignore"):
        return np.where(after < before, after, after - before)


def sum_of(values: Floats) -> Floats:
    """The sum over the series that have a value; NaN in a slot where none has."""
    present = np.isfinite(values)
    return np.where(present.any(axis=0), np.where(present, values, 0.0).sum(axis=0), np.nan)


def _summed(part: Expression, values: Floats, step_seconds: int) -> Floats:
    if part.counter:
        return sum_of(counter_differences(values))
    return sum_of(values[:, 1:]) * (step_seconds if part.is_rate else 1)


def _raw(ratio: Ratio, values: Floats) -> Events:
    """A share that the source computed: each slot counts alike, and several series by their mean."""
    n_present = np.isfinite(values).sum(axis=0)
    share = sum_of(values) / np.maximum(n_present, 1)
    if ratio.raw_is == "bad":
        share = 1.0 - share
    wrong = np.isfinite(share) & ((share < -TOLERANCE) | (share > 1 + TOLERANCE))
    share = np.where(wrong, np.nan, np.clip(share, 0.0, 1.0))
    return Events(share, np.where(np.isnan(share), np.nan, 1.0), int(wrong.sum()))
