"""Assessing bounds: the evidence of each block, met by the pairs of bounds that belong to its series."""

from __future__ import annotations

from functools import cache

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Rows, Vector
from foresight.forecasting.calibrator import Calibrator, expit, shipped
from foresight.forecasting.evidence import Evidence
from foresight.forecasting.features import CONTEXT, SHARES, SIGNALS, TRENDS, Features, describe
from foresight.forecasting.joint_forecast import DEFAULTS, NO_MODEL, Forecast, forecast, trailing_gaps
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import (
    CONTRIBUTORS,
    Bounds,
    Explanation,
    RiskForecast,
    RiskState,
    SideFeatures,
)
from foresight.forecasting.window import SIDES, count, run_along

BOUNDS_AT_ONCE = 128
GROUPS: dict[str, tuple[str, ...]] = {
    "trend": TRENDS,
    "repetition": ("phase", "near_phase"),
    "similar_past": ("same_level", "alike", "very_alike", "climate", "paths"),
    "distance": ("nearness_now", "nearness_usual", "nearness_spread", "beyond_extreme", "learnt_limit"),
    "recent_past": ("recent", "hours", "recency", "share_of_hour"),
}
"""The signals of each of :data:`~foresight.forecasting.risk.CONTRIBUTORS`."""
FARTHEST = 1440.0
"""A trend that reaches a bound later than this many slots is not said to reach it."""


def forecast_risk(
    values: Matrix,
    bounds: Bounds,
    horizons: tuple[int, ...] = (10,),
    parameters: ForecastParameters = DEFAULTS,
    calibrator: Calibrator | None = None,
    *,
    keep_features: bool = False,
) -> tuple[Forecast, RiskForecast]:
    """Forecast ``values[n_series, n_slots]`` as :func:`forecast` does, ``horizons[0]`` slots ahead, and
    assess that against ``bounds`` for each of the ``horizons``.

    The last slot is as-of; trailing NaNs are a gap before it. Any number of pairs may share a series, in any
    order: its evidence is gathered once, block by block. Without a ``calibrator``, the shipped one is used.
    With ``keep_features`` the result holds what the calibrator read: 70 numbers a bound and horizon.
    """
    if not horizons or list(horizons) != sorted(set(horizons)) or horizons[0] < 1:
        raise ValueError(
            f"horizons = {horizons} are out of order: one or more, ascending, each at least 1 slot"
        )
    given = shipped() if calibrator is None else calibrator
    collector = RiskCollector(bounds, horizons, given, keep_features=keep_features)
    made = forecast(values, horizons[0], parameters, collector.add)
    missing = made.model == NO_MODEL
    late = missing & (trailing_gaps(values) > parameters.longest_gap) & (made.coverage.observed > 0)
    return made, collector.result(missing, late)


class RiskCollector:
    """Collects the risk of each pair of bounds while the forecasts are made."""

    def __init__(
        self,
        bounds: Bounds,
        horizons: tuple[int, ...],
        calibrator: Calibrator,
        *,
        keep_features: bool = False,
    ) -> None:
        self._kept: list[tuple[Rows, float, Features]] | None = [] if keep_features else None
        self._rows = np.asarray(bounds.rows, dtype=np.intp)
        self._low = np.where(np.isnan(bounds.lower), -np.inf, bounds.lower)
        self._high = np.where(np.isnan(bounds.upper), np.inf, bounds.upper)
        self._order = np.argsort(self._rows, kind="stable")
        self._horizons, self._calibrator = horizons, calibrator
        first, n = horizons[0], len(self._rows)
        self._steps = (*range(1, first + 1), *horizons[1:])
        self._probability = np.full((n, len(self._steps)), np.nan)
        self._at_slot = np.full((n, first), np.nan)
        self._views = np.full((n, len(SHARES)), np.nan)
        self._numbers = np.full((6, n), np.nan)
        self._contributions = np.full((n, len(CONTRIBUTORS)), np.nan)
        self._outside, self._stale = np.zeros((2, n), dtype=np.bool_)

    def add(self, evidence: Evidence) -> None:
        """Assesses the pairs of a block's series, some at a time."""
        ordered, series = self._rows[self._order], evidence.block.rows
        between = slice(*np.searchsorted(ordered, (series[0], series[-1] + 1)))
        here = self._order[between][np.isin(ordered[between], series)]
        for start in range(0, len(here), BOUNDS_AT_ONCE):
            self._assess(evidence, here[start : start + BOUNDS_AT_ONCE])

    def _assess(self, evidence: Evidence, pairs: Rows) -> None:
        block = evidence.block
        local = np.searchsorted(block.rows, self._rows[pairs])
        now, scale = block.samples[local, -1], block.scale[local]
        with np.errstate(over="ignore"):
            limits = [self._high[pairs] * scale - now, now - self._low[pairs] * scale]
        self._outside[pairs] = (limits[0] < 0) | (limits[1] < 0)
        self._stale[pairs] = evidence.window.stale[local]
        stays, views = np.ones((len(pairs), len(self._steps))), np.zeros((len(pairs), len(SHARES)))
        at = self._horizons[0] - 1
        likeliest = np.full((2, len(pairs)), -1.0)
        sides = []
        for side, (sign, limit) in enumerate(zip(SIDES, limits, strict=True)):
            bounded = np.flatnonzero(np.isfinite(limit))
            if not bounded.size:
                continue
            found = describe(evidence, local[bounded], sign, limit[bounded], self._steps)
            leaves = expit(self._calibrator.log_odds(found))
            if self._kept is not None:
                at_horizons = found.signals[:, [self._steps.index(h) for h in self._horizons]]
                self._kept.append((pairs[bounded], sign, Features(at_horizons, found.context)))
            stays[bounded] *= 1.0 - leaves
            views[bounded] = np.maximum(views[bounded], expit(found.signals[:, at, : len(SHARES)]))
            likeliest[side, bounded] = leaves[:, at]
            sides.append((side, bounded, found))
        likelier = np.argmax(likeliest, axis=0)
        for side, bounded, found in sides:
            told = likelier[bounded] == side
            some = bounded[told]
            self._explain(
                evidence, pairs[some], local[some], SIDES[side], limits[side][some], _take(found, told)
            )
        self._probability[pairs], self._views[pairs] = 1.0 - stays, views
        self._at_slot[pairs] = self._slot_by_slot(evidence, local, limits, 1.0 - stays)

    def _slot_by_slot(self, evidence: Evidence, local: Rows, limits: list[Vector], by_slot: Matrix) -> Matrix:
        """The probability of each slot: the paths say how much of what has left by then is still outside."""
        paths = evidence.paths.steps[:, local]
        out = (paths > limits[0][:, None]) | (paths < -limits[1][:, None])
        still = count(out).T
        ever = count(run_along(out, np.logical_or)).T
        by_slot = by_slot[:, : self._horizons[0]]
        newly = np.diff(by_slot, axis=1, prepend=0.0)
        return np.maximum(newly, by_slot * (still + 0.5) / (ever + 1.0))

    def _explain(
        self, evidence: Evidence, pairs: Rows, local: Rows, sign: float, limit: Vector, found: Features
    ) -> None:
        """The numbers of an explanation, of the side that is likelier to be left."""
        at = self._horizons[0] - 1
        # The side as it is and, for each contributor, without what that says: as if they were steps.
        without = np.repeat(found.signals[:, at : at + 1], 1 + len(CONTRIBUTORS), axis=1)
        for contributor, columns in enumerate(_columns(), 1):
            without[:, contributor, columns] = self._calibrator.ordinary[columns]
        odds = self._calibrator.log_odds(Features(without, found.context))
        self._contributions[pairs] = odds[:, :1] - odds[:, 1:]
        trends, window, steps = evidence.trends, evidence.window, np.array([float(at + 1)])
        best = np.argmin(trends.ahead(steps)[1][:, local, 0], axis=0)
        slope, level = sign * trends.slope[best, local], sign * trends.level[best, local]
        with np.errstate(divide="ignore", invalid="ignore"):
            reached = (limit - level) / slope - window.gap
        reached = np.where((slope > 0) & (reached > 0) & (reached < FARTHEST), reached, np.nan)
        beyond = (sign * window.samples[local] > limit[:, None]) & window.observed[local]
        period = evidence.views.period[local].astype(np.float64)
        ratio = evidence.unit_now[local] / evidence.unit_usual[local]
        self._numbers[:, pairs] = (
            sign * slope / evidence.block.scale[local], reached, np.where(period > 0, period, np.nan),
            _next_repetition(beyond, evidence.views.period[local], window.gap), ratio,
            count(beyond) / np.maximum(count(window.observed[local]), 1.0),
        )  # fmt: skip

    def result(self, missing: Flags, late: Flags) -> RiskForecast:
        """The risk of all pairs, once every block was added; ``late``: missing for their gap."""
        rows, first = self._rows, self._horizons[0]
        state = np.select(
            [late[rows], missing[rows], self._stale], [RiskState.GAP, RiskState.NO_FORECAST, RiskState.STALE],
            RiskState.OK,
        )  # fmt: skip
        silent = state != RiskState.OK
        for array in (self._probability, self._at_slot, self._views, self._contributions):
            array[silent] = np.nan
        self._numbers[:, silent] = np.nan
        by_slot = self._probability[:, :first]
        slope, reached, period, next_in, ratio, share = self._numbers
        at = [self._steps.index(horizon) for horizon in self._horizons]
        return RiskForecast(
            rows, self._horizons, self._probability[:, at], by_slot, self._at_slot, median_slot(by_slot),
            self._outside & ~missing[rows], self._views, state.astype(np.int64), self._calibrator.version,
            Explanation(slope, reached, period, next_in, ratio, share, self._contributions),
            self._features(silent),
        )  # fmt: skip

    def _features(self, silent: Flags) -> SideFeatures | None:
        """What was kept of the sides of pairs that are not silent, a row a side and horizon."""
        if self._kept is None:
            return None
        n, width = len(self._horizons), len(SIGNALS) + len(CONTEXT)
        pairs, sides, values = [np.empty(0, np.intp)], [np.empty(0)], [np.empty((0, width), np.float32)]
        for pair, sign, found in self._kept:
            context = np.repeat(found.context, n, axis=0)
            pairs.append(np.repeat(pair, n))
            sides.append(np.full(len(pair) * n, sign))
            whole = np.concatenate([found.signals.reshape(len(context), -1), context], axis=1)
            values.append(whole.astype(np.float32))
        pair, side, value = np.concatenate(pairs), np.concatenate(sides), np.concatenate(values)
        horizon = np.tile(np.array(self._horizons), len(pair) // n)
        told = ~silent[pair]
        return SideFeatures(pair[told], horizon[told], side[told].astype(np.int64), value[told])


@cache
def _columns() -> list[list[int]]:
    """The columns of the signals of each contributor."""
    return [[SIGNALS.index(name) for name in GROUPS[contributor]] for contributor in CONTRIBUTORS]


def median_slot(by_slot: Matrix) -> Vector:
    """The first slot by which half of all violations within the horizon have begun, shape ``[n_pairs]``.

    The median, for it has the least mean absolute error.
    """
    reached = by_slot >= 0.5 * by_slot[:, -1:]
    return np.where(np.isnan(by_slot[:, -1]), np.nan, np.argmax(reached, axis=1) + 1.0)


def _next_repetition(beyond: Flags, period: Rows, gap: int) -> Vector:
    """How many slots after as-of the last period left the bounds, if it did; NaN else."""
    n_slots = beyond.shape[1]
    result = np.full(len(period), np.nan)
    for row in np.flatnonzero((period > gap) & beyond.any(axis=1)):
        cycle = beyond[row, n_slots - period[row] + gap :]
        if cycle.any():
            result[row] = np.argmax(cycle) + 1.0
    return result


def _take(features: Features, which: Flags) -> Features:
    return Features(features.signals[which], features.context[which])
