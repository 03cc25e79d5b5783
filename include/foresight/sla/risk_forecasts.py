"""What the forecast says about each (indicator, series) pair: as columns that are stored, and as records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.explanation import explain
from foresight.forecasting.features import SHARES
from foresight.forecasting.joint_forecast import Forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds, RiskForecast, RiskState
from foresight.forecasting.verification import Reliability
from foresight.grid import Grid
from foresight.instants import iso
from foresight.series import SeriesMatrix
from foresight.sla.matching import Pairs
from foresight.sla.status import PredictedMinute, SeriesRisk

DEFAULTS = ForecastParameters()
LIKELY = 0.5
"""A slot is predicted to violate from this probability on."""

NO_DATA: Final = "no_data"
REASONS: Final = {
    RiskState.OK: None, RiskState.STALE: "stale", RiskState.NO_FORECAST: "too_short", RiskState.GAP: "gap",
}  # fmt: skip
"""Why a pair has no probability, in one word."""

RiskColumns = Mapping[str, Sequence[Any]]
"""Columns of ``sli_risk`` by name, one entry a pair."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskForecasts:
    """The forecast of a matrix, and its risk for exactly the pairs that are evaluated, in their order."""

    forecast: Forecast
    risk: RiskForecast
    has_default_limits: NDArray[np.bool_] | None = None
    """By row: whether it was held against default limits, for none are stored with the series."""
    came_true: Reliability | None = None
    """How past predictions came out, for the explanations."""

    @classmethod
    def of(
        cls,
        matrix: SeriesMatrix,
        pairs: Pairs,
        horizon: int = 10,
        parameters: ForecastParameters = DEFAULTS,
        calibrator: Calibrator | None = None,
        came_true: Reliability | None = None,
        *,
        keep_features: bool = False,
    ) -> RiskForecasts:
        """Forecast the matrix ``horizon`` slots ahead and judge each pair's bounds against that."""
        bounds = Bounds(pairs.row, pairs.lower, pairs.upper)
        made, risk = forecast_risk(
            matrix.values, bounds, (horizon,), parameters, calibrator, keep_features=keep_features
        )
        return cls(made, risk, came_true=came_true)

    def columns(self, grid: Grid) -> dict[str, list[Any]]:
        """The columns of ``sli_risk`` that the forecast fills, of its first horizon, one entry a pair."""
        risk, forecast, rows = self.risk, self.forecast, self.risk.rows
        defaults = self.has_default_limits
        steps = np.maximum(np.nan_to_num(np.rint(risk.first_slot), nan=1.0), 1.0)
        first = grid.as_of + steps.astype(np.int64) * grid.step_seconds
        minutes = np.nan_to_num(risk.at_slot).sum(axis=1) * grid.step_seconds / 60
        states = [REASONS[RiskState(state)] for state in risk.state.tolist()]
        is_silent = (forecast.coverage.observed[rows] == 0).tolist()
        is_known = (~np.isnan(risk.probability[:, 0])).tolist()
        is_late = np.isnan(risk.first_slot).tolist()
        return {
            "probability": _known(risk.probability[:, 0]),
            "reason": [
                reason and (NO_DATA if silent else reason)
                for reason, silent in zip(states, is_silent, strict=True)
            ],
            "expected_first_slot": [
                None if late else at for at, late in zip(first.tolist(), is_late, strict=True)
            ],
            "expected_violated_minutes": _where(is_known, minutes.tolist()),
            "predicted": self._predicted(grid, is_known),
            "components": [
                dict(zip(SHARES, views, strict=True)) if known else None
                for views, known in zip(map(_known, risk.views), is_known, strict=True)
            ],
            "explanation": [
                explain(risk, pair, self.came_true, forecast) if known else None
                for pair, known in enumerate(is_known)
            ],
            "is_outside_now": risk.outside_now.tolist(),
            "model": _where(is_known, [forecast.model_name(row) for row in rows.tolist()]),
            "mase": _where(is_known, _known(forecast.mase[rows])),
            "calibrator": [risk.calibrator] * len(rows),
            "has_default_limits": [False] * len(rows) if defaults is None else defaults[rows].tolist(),
        }

    def _predicted(self, grid: Grid, is_known: Sequence[bool]) -> list[list[dict[str, Any]] | None]:
        found: list[list[dict[str, Any]] | None] = [[] if known else None for known in is_known]
        for pair, at in zip(*map(np.ndarray.tolist, np.nonzero(self.risk.at_slot >= LIKELY)), strict=True):
            row = self.risk.rows[pair]
            minute = {
                "slot": iso(grid.as_of + (at + 1) * grid.step_seconds),
                "value": float(self.forecast.mean[row, at]),
                "low": float(self.forecast.joint_lower[row, at]),
                "high": float(self.forecast.joint_upper[row, at]),
                "probability": float(self.risk.at_slot[pair, at]),
            }
            mine = found[pair]
            if mine is not None:
                mine.append(minute)
        return found


def risk_of(columns: RiskColumns, at: int) -> SeriesRisk | None:
    """One entry as a record; None where it has no probability."""
    probability = columns["probability"][at]
    if probability is None:
        return None
    return SeriesRisk(
        probability=probability,
        components=tuple(columns["components"][at].items()),
        first_slot=columns["expected_first_slot"][at],
        predicted=tuple(
            PredictedMinute(**{**minute, "slot": int(datetime.fromisoformat(minute["slot"]).timestamp())})
            for minute in columns["predicted"][at]
        ),
        model=columns["model"][at],
        mase=columns["mase"][at],
        calibrator=columns["calibrator"][at],
        violated_minutes=columns["expected_violated_minutes"][at],
        has_default_limits=columns["has_default_limits"][at],
    )


def _known(numbers: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(number) else number for number in numbers.tolist()]


def _where(is_known: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    return [value if known else None for value, known in zip(values, is_known, strict=True)]
