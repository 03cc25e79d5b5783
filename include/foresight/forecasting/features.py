"""What is known of a bound and a series, as numbers that a calibrator reads.

A side is the upper bound as it is or the lower one mirrored. *Signals* depend on the bound and on how far
ahead one looks; none rises when the bound moves away, none falls with the horizon. *Context* depends on the
series alone. A calibrator that rises with every signal is therefore monotone in bounds and horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Matrix, Rows, Vector
from foresight.forecasting.evidence import Evidence
from foresight.forecasting.trends import DRIFTS, LINES
from foresight.forecasting.views import VIEWS, weigh
from foresight.forecasting.window import count

TRENDS = (*(f"line({n})" for n in LINES), *(f"drift({n})" for n in DRIFTS), "drift(all)")
SHARES = (*VIEWS, "paths")
SIGNALS = (
    *SHARES, *TRENDS, "nearness_now", "nearness_usual", "nearness_spread", "beyond_extreme",
    "learnt_limit", "recency", "share_of_hour", "log_horizon",
)  # fmt: skip
CONTEXT = (
    "volatility", "usual_volatility", "repeats", "period", "position", "skew", "gap", "coverage",
    "changing", "touches", "touches_other_side", "mase_gain", "history",
    *(f"slope_{name}" for name in TRENDS), *(f"noise_{name}" for name in TRENDS),
    *(f"bend_line({n})" for n in LINES), *(f"effective_{view}" for view in VIEWS),
)  # fmt: skip
FEW, FEWER = 0.5, 0.02
"""What is added to the slots that stayed and that left, in the odds of a share: nothing seen is not never."""
FAR = 1e4
"""Distances are cut off at this many units."""
LONGEST = 720.0
"""Slots since a bound was last left, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Of some sides of a block."""

    signals: Matrix
    """``[n_sides, n_steps, len(SIGNALS)]``."""
    context: Matrix
    """``[n_sides, len(CONTEXT)]``."""


def describe(evidence: Evidence, local: Rows, sign: float, limit: Vector, steps: tuple[int, ...]) -> Features:
    """The features of sides whose bound lies ``limit`` (mirrored by ``sign``) from the newest sample.

    ``local`` are rows of the block; ``steps`` are slots ahead, ascending: each up to ``evidence.horizon``,
    then any longer ones.
    """
    window = evidence.window
    samples = sign * window.samples[local]
    beyond = (samples > limit[:, None]) & window.observed[local]
    signals = np.empty((len(local), len(steps), len(SIGNALS)))
    odds = _view_odds(evidence, local, beyond, steps)
    signals[:, :, : len(VIEWS)] = odds
    signals[:, :, len(VIEWS)] = _path_odds(evidence, local, sign, limit, steps)
    at = len(SHARES)
    signals[:, :, at : at + len(TRENDS)] = _reach_of_trends(evidence, local, sign, limit, steps)
    at += len(TRENDS)
    for constant in _constants(evidence, local, sign, limit, beyond):
        signals[:, :, at] = constant[:, None]
        at += 1
    signals[:, :, at] = np.log(steps)
    return Features(signals, evidence.context[0 if sign > 0 else 1, local])


def first_leaves(beyond: Flags) -> NDArray[np.int16]:
    """The next slot that is ``beyond`` from each slot on, ``[n_sides, n_slots]``; far off if none is."""
    n_slots = beyond.shape[1]
    far = np.int16(min(2 * n_slots + 4096, 32000))
    index = np.where(beyond, np.arange(n_slots, dtype=np.int16), far)
    return np.minimum.accumulate(index[:, ::-1], axis=1)[:, ::-1]


def _view_odds(evidence: Evidence, local: Rows, beyond: Flags, steps: tuple[int, ...]) -> Matrix:
    """The log odds that a bound was left within each number of steps after the slots of each view."""
    gap, n_slots = evidence.window.gap, beyond.shape[1]
    wait = first_leaves(beyond)[:, gap + 1 :] - np.arange(gap, n_slots - 1, dtype=np.int16)
    result = np.empty((len(local), len(steps), len(VIEWS)))
    short = [step for step in steps if step <= evidence.horizon]
    groups = [(0, short), *((len(short) + at, [step]) for at, step in enumerate(steps[len(short) :]))]
    for start, group in groups:
        usable = max(n_slots - gap - max(group[-1], evidence.horizon), 1)
        total, effective = evidence.views.total[local], evidence.views.effective[local]
        if group[-1] > evidence.horizon:
            total, effective = weigh(evidence.views.weights[local, :, :usable])
        # Few slots are followed by a violation: only their weights are gathered.
        side, slot = np.nonzero(wait[:, :usable] <= group[-1])
        cell = side * len(group) + np.searchsorted(group, wait[side, slot])
        n_cells = len(local) * len(group)
        gone = np.empty((len(VIEWS), len(local), len(group)))
        weights, n_past = evidence.views.weights.ravel(), evidence.views.weights.shape[2]
        place = local[side] * (len(VIEWS) * n_past) + slot
        for view in range(len(VIEWS)):
            weight = weights.take(place + view * n_past)
            gone[view] = np.bincount(cell, weight, minlength=n_cells).reshape(len(local), len(group))
        gone = np.cumsum(gone, axis=2).transpose(1, 2, 0)
        share = np.clip(gone / np.where(total > 0, total, 1.0)[:, None], 0.0, 1.0)
        number = effective[:, None]
        result[:, start : start + len(group)] = log_odds(share * number, (1.0 - share) * number)
    return np.maximum.accumulate(result, axis=1)


def log_odds(left: Matrix, stayed: Matrix) -> Matrix:
    """Log odds of so many that left against so many that stayed."""
    return np.asarray(np.log((left + FEWER) / (stayed + FEW)))


def _path_odds(evidence: Evidence, local: Rows, sign: float, limit: Vector, steps: tuple[int, ...]) -> Matrix:
    """The log odds that a joint path leaves; past its end it spreads with the root of time."""
    reach = evidence.reaches[0 if sign > 0 else 1][:, local]
    horizon, _, n_paths = reach.shape
    left = np.empty((len(steps), len(local)))
    for at, step in enumerate(steps):
        within = reach[min(step, horizon) - 1]
        room = limit if step <= horizon else np.where(limit > 0, limit * (horizon / step) ** 0.5, limit)
        left[at] = count(within > room[:, None])
    return np.maximum.accumulate(log_odds(left, n_paths - left), axis=0).T


def _reach_of_trends(
    evidence: Evidence, local: Rows, sign: float, limit: Vector, steps: tuple[int, ...]
) -> Matrix:
    """By how many deviations each trend is beyond within each number of steps, squashed."""
    mean, deviation = evidence.trends.ahead(evidence.window.gap + np.array(steps, dtype=np.float64))
    with np.errstate(over="ignore"):
        reach = (sign * mean[:, local] - limit[:, None]) / deviation[:, local]
    squashed = np.arcsinh(np.clip(reach, -FAR, FAR))
    return np.maximum.accumulate(squashed, axis=2).transpose(1, 2, 0)


def _constants(
    evidence: Evidence, local: Rows, sign: float, limit: Vector, beyond: Flags
) -> tuple[Vector, ...]:
    """Signals that do not depend on the horizon."""
    window, side = evidence.window, 0 if sign > 0 else 1
    extreme = sign * window.ordered[local, -1 if sign > 0 else 0]
    units = (evidence.unit_now[local], evidence.unit_usual[local], evidence.unit_spread[local])
    with np.errstate(over="ignore"):
        nearness = [_squash(-limit / unit) for unit in units]
        further = _squash((extreme - limit) / units[1])
    n_slots = beyond.shape[1]
    since = np.where(beyond.any(axis=1), np.argmax(beyond[:, ::-1], axis=1), LONGEST)
    hour = min(60, n_slots)
    return (
        *nearness,
        further,
        (limit < extreme) * np.log(window.touches[side, local]) * window.changing[local],
        -np.log1p(np.minimum(since, LONGEST)),
        count(beyond[:, -hour:]) / hour,
    )


def _squash(distance: Vector) -> Vector:
    return np.asarray(np.arcsinh(np.clip(distance, -FAR, FAR)))
