"""What bounds would have meant: predicted against happened, origin by origin, never looking ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector
from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.joint_forecast import DEFAULTS
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """Predictions of one pair of bounds on one or more series; arrays of shape ``[n]``, in time order."""

    series: Integers
    origin: Integers
    """The last slot that was seen, counted from the start of the history."""
    probability: Vector
    """NaN where there was none."""
    happened: Vector
    """1: violated within the horizon; 0: not; NaN: not known, samples are missing and none was outside."""
    outside_now: Flags
    first_slot: Vector
    """The first slot after the origin that was outside, 1 = the next; NaN if none."""

    @property
    def known(self) -> Flags:
        """Where there were both a probability and an outcome."""
        return np.isfinite(self.probability) & np.isfinite(self.happened)


def backtest(
    history: Matrix,
    lower: float,
    upper: float,
    n_slots: int = 720,
    horizon: int = 10,
    every: int = 10,
    parameters: ForecastParameters = DEFAULTS,
    calibrator: Calibrator | None = None,
) -> Backtest:
    """Predict each series of ``history[n_series, n]`` at every ``every``-th slot from the window before it.

    The first origin is that of the first whole window, the last one has a whole horizon after it.
    """
    origins = np.arange(n_slots - 1, history.shape[1] - horizon, every)
    parts = [
        _at_origin(history, int(origin), lower, upper, n_slots, horizon, parameters, calibrator)
        for origin in origins
    ]
    n_series = len(history)
    empty = np.empty((4, 0))
    probability, happened, outside, first = np.concatenate(parts, axis=1) if parts else empty
    return Backtest(
        np.tile(np.arange(n_series), len(origins)), np.repeat(origins, n_series),
        probability, happened, outside > 0, first,
    )  # fmt: skip


def _at_origin(
    history: Matrix, origin: int, lower: float, upper: float, n_slots: int, horizon: int,
    parameters: ForecastParameters, calibrator: Calibrator | None,
) -> Matrix:  # fmt: skip
    """Probability, outcome, outside now and first violating slot of each series, ``[4, n_series]``."""
    seen, ahead = history[:, origin + 1 - n_slots : origin + 1], history[:, origin + 1 : origin + 1 + horizon]
    n_series = len(history)
    bounds = Bounds(np.arange(n_series), np.full(n_series, lower), np.full(n_series, upper))
    _, risk = forecast_risk(seen, bounds, (horizon,), parameters, calibrator)
    outside = (ahead < lower) | (ahead > upper)
    left = outside.any(axis=1)
    missing = ~np.isfinite(ahead).all(axis=1)
    happened = np.where(left, 1.0, np.where(missing, np.nan, 0.0))
    first = np.where(left, np.argmax(outside, axis=1) + 1.0, np.nan)
    return np.stack([risk.probability[:, 0], happened, risk.outside_now.astype(np.float64), first])


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


def weigh_thresholds(said: Vector, happened: Flags, cost_ratio: float) -> Thresholds:
    """Every threshold of 1 % to 99 % against the outcomes; a miss costs ``cost_ratio`` false alarms."""
    if not cost_ratio > 0:
        raise ValueError(f"cost_ratio = {cost_ratio} is out of range: above 0")
    threshold = np.arange(1, 100) / 100.0
    alarmed = said >= threshold[:, None]
    hits = np.count_nonzero(alarmed & happened, axis=1)
    false_alarms = np.count_nonzero(alarmed, axis=1) - hits
    misses = int(np.count_nonzero(happened)) - hits
    cost = cost_ratio * misses + false_alarms
    best = len(cost) - 1 - int(np.argmin(cost[::-1]))
    return Thresholds(threshold, hits, misses, false_alarms, cost, float(threshold[best]))
