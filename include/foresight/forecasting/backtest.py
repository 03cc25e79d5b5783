"""What bounds would have meant: predicted against happened, origin by origin, never looking ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector
from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.hysteresis import REMEMBERED, is_at_risk
from foresight.forecasting.joint_forecast import DEFAULTS
from foresight.forecasting.outcomes import outcomes_of
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds

ROWS_AT_ONCE = 512
"""Windows that are forecast together."""
ENDS = 10
"""Thresholds that are tried for the end of a risk, from 0 to where it begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """Predictions of pairs of bounds; arrays of shape ``[n]``, in time order, at each origin all pairs."""

    n_pairs: int
    pair: Integers
    origin: Integers
    """The last slot that was seen, counted from the start of the history."""
    probability: Vector
    """NaN where there was none."""
    happened: Vector
    """1: violated within the horizon; 0: not; NaN: not known, or not judged."""
    outside_now: Flags
    first_slot: Vector
    """The first slot after the origin that was outside, 1 = the next; NaN if none."""

    @property
    def known(self) -> Flags:
        """Where there were a probability and an outcome, and the newest sample was inside: what is judged."""
        return np.isfinite(self.probability) & np.isfinite(self.happened) & ~self.outside_now

    def by_origin(self, values: NDArray[Any]) -> NDArray[Any]:
        """``values[n]`` as a matrix ``[n_pairs, n_origins]``."""
        return values.reshape(-1, self.n_pairs).T


def backtest(
    history: Matrix,
    bounds: Bounds,
    n_slots: int = 720,
    horizon: int = 10,
    every: int = 10,
    excluded: Flags | None = None,
    parameters: ForecastParameters = DEFAULTS,
    calibrator: Calibrator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Predict the pairs of ``bounds`` on ``history[n_series, n]`` at every ``every``-th slot from the window
    before it.

    The first origin is that of the first whole window, the last one has a whole horizon after it.
    ``excluded[n_pairs, n]`` are slots of planned downtime. ``progress`` is told origins done and all.
    """
    origins = np.arange(n_slots - 1, history.shape[1] - horizon, every)
    at_once = max(1, ROWS_AT_ONCE // max(len(history), 1))
    parts = []
    for start in range(0, len(origins), at_once):
        some = origins[start : start + at_once]
        # Each row's forecast depends on that row alone, so that many origins may go together.
        seen = np.concatenate([history[:, origin + 1 - n_slots : origin + 1] for origin in some.tolist()])
        offset = len(history) * np.repeat(np.arange(len(some)), len(bounds))
        lower, upper = (np.tile(side, len(some)) for side in (bounds.lower, bounds.upper))
        rows = np.tile(bounds.rows, len(some)) + offset
        _, risk = forecast_risk(seen, Bounds(rows, lower, upper), (horizon,), parameters, calibrator)
        after = some[:, None] + 1 + np.arange(horizon)
        ahead, masked = (_ahead(values, after) for values in (history[bounds.rows], excluded))
        found = outcomes_of(ahead, lower, upper, masked)
        parts.append((risk.probability[:, 0], found.happened, risk.outside_now, found.first_slot))
        if progress is not None:
            progress(start + len(some), len(origins))
    n_pairs = len(bounds)
    empty: tuple[Vector, ...] = (np.empty(0),) * 4
    probability, happened, outside, first = (
        tuple(np.concatenate(part) for part in zip(*parts, strict=True)) if parts else empty
    )
    return Backtest(
        n_pairs, np.tile(np.arange(n_pairs), len(origins)), np.repeat(origins, n_pairs),
        probability, happened, outside.astype(np.bool_), first,
    )  # fmt: skip


def _ahead(values: NDArray[Any] | None, after: Integers) -> Any:
    """``values[n_pairs, n]`` at the slots ``after[n_origins, horizon]``, a row an origin and pair."""
    if values is None:
        return None
    return values[:, after].transpose(1, 0, 2).reshape(-1, after.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """What alerting from each probability on would have cost; arrays of shape ``[n_thresholds]``."""

    threshold: Vector
    hits: Integers
    misses: Integers
    false_alarms: Integers
    cost: Vector
    """``cost_ratio * misses + false_alarms``."""
    recommended: float
    """The threshold of least cost, the highest of equals."""

    def at(self, threshold: float) -> int:
        """The place of the threshold next to a probability."""
        return int(np.argmin(np.abs(self.threshold - threshold)))


def weigh_thresholds(said: Vector, happened: Flags, cost_ratio: float) -> Thresholds:
    """Every threshold of 1 % to 99 % against the outcomes; a miss costs ``cost_ratio`` false alarms."""
    if not cost_ratio > 0:
        raise ValueError(f"cost_ratio = {cost_ratio} is out of range: above 0")
    threshold = np.arange(1, 100) / 100.0
    all_alarms = np.sort(said)
    true_alarms = np.sort(said[happened])
    hits = len(true_alarms) - np.searchsorted(true_alarms, threshold)
    false_alarms = len(all_alarms) - np.searchsorted(all_alarms, threshold) - hits
    misses = len(true_alarms) - hits
    cost = cost_ratio * misses + false_alarms
    best = len(cost) - 1 - int(np.argmin(cost[::-1]))
    return Thresholds(threshold, hits, misses, false_alarms, cost, float(threshold[best]))


def risk_states(found: Backtest, begin: float, end: float) -> Flags:
    """Whether each pair was at risk at each origin, ``[n_pairs, n_origins]``, as it is live."""
    said = found.by_origin(found.probability)
    padded = np.pad(said, ((0, 0), (REMEMBERED - 1, 0)), constant_values=np.nan)
    states = [is_at_risk(padded[:, at : at + REMEMBERED], begin, end) for at in range(said.shape[1])]
    return np.stack(states, axis=1) if states else np.zeros(said.shape, dtype=np.bool_)


def recommend_end(found: Backtest, begin: float, cost_ratio: float) -> float:
    """The threshold at which a risk should end that begins at ``begin``.

    Of some thresholds up to ``begin`` the one whose states cost least; each new risk costs a false alarm
    more, for it wakes somebody. The highest of equals.
    """
    judged = found.by_origin(found.known)
    happened = found.by_origin(found.happened == 1) & judged
    best, least = begin, np.inf
    for end in np.round(np.linspace(begin, 0.0, ENDS, endpoint=False), 2).tolist():
        state = risk_states(found, begin, end)
        begun = np.count_nonzero(state[:, 1:] & ~state[:, :-1])
        misses = np.count_nonzero(happened & ~state)
        cost = cost_ratio * misses + np.count_nonzero(judged & ~happened & state) + begun
        if cost < least:
            best, least = end, cost
    return float(best)


def lead_slots(found: Backtest, history: Matrix, bounds: Bounds, threshold: float, horizon: int) -> Vector:
    """How many slots before each violation the probability had been at ``threshold`` without a break.

    A violation begins where a sample is outside and the one before it was inside; those that no horizon after
    the second origin reaches are left out. 0: it was not foretold at the last origin before it.
    """
    origins = np.unique(found.origin)
    if len(origins) < 2:
        return np.empty(0)
    above = found.by_origin(found.probability) >= threshold
    columns = np.arange(above.shape[1])
    broken = np.maximum.accumulate(np.where(above, -1, columns), axis=1)
    leads = []
    for pair, row in enumerate(np.asarray(bounds.rows).tolist()):
        with np.errstate(invalid="ignore"):
            outside = (history[row] < bounds.lower[pair]) | (history[row] > bounds.upper[pair])
        inside = np.isfinite(history[row]) & ~outside
        starts = np.flatnonzero(outside[1:] & inside[:-1]) + 1
        starts = starts[starts > origins[1]]
        last = np.searchsorted(origins, starts) - 1
        near = starts - origins[last] <= horizon
        starts, last = starts[near], last[near]
        since = origins[np.minimum(broken[pair, last] + 1, len(origins) - 1)]
        leads.append(np.where(above[pair, last], starts - since, 0.0))
    return np.concatenate(leads) if leads else np.empty(0)
