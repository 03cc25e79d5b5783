"""What the forecast says about each (indicator, series) pair, as records that are stored and shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.features import SHARES
from foresight.forecasting.joint_forecast import Forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds, RiskForecast
from foresight.grid import Grid
from foresight.series import SeriesMatrix
from foresight.sla.matching import Pairs
from foresight.sla.status import PredictedMinute, SeriesRisk

DEFAULTS = ForecastParameters()
LIKELY = 0.5
"""A slot is predicted to violate from this probability on."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskForecasts:
    """The forecast of a matrix, and its risk for exactly the pairs that are evaluated, in their order."""

    forecast: Forecast
    risk: RiskForecast
    has_default_limits: NDArray[np.bool_] | None = None
    """By row: whether it was held against default limits, for none are stored with the series."""

    @classmethod
    def of(
        cls,
        matrix: SeriesMatrix,
        pairs: Pairs,
        horizon: int = 10,
        parameters: ForecastParameters = DEFAULTS,
        calibrator: Calibrator | None = None,
    ) -> RiskForecasts:
        """Forecast the matrix ``horizon`` slots ahead and judge each pair's bounds against that."""
        bounds = Bounds(pairs.row, pairs.lower, pairs.upper)
        return cls(*forecast_risk(matrix.values, bounds, (horizon,), parameters, calibrator))

    def of_pair(self, pair: int, grid: Grid) -> SeriesRisk | None:
        """The record of one pair; None where there is no forecast."""
        risk, forecast, row = self.risk, self.forecast, int(self.risk.rows[pair])
        probability = float(risk.probability[pair, 0])
        if math.isnan(probability):
            return None
        first = float(risk.first_slot[pair])
        return SeriesRisk(
            probability=probability,
            components=tuple(zip(SHARES, map(_known, risk.views[pair].tolist()), strict=True)),
            first_slot=None if math.isnan(first) else grid.as_of + max(round(first), 1) * grid.step_seconds,
            predicted=tuple(
                self._minute(pair, int(at), grid) for at in np.flatnonzero(risk.at_slot[pair] >= LIKELY)
            ),
            model=forecast.model_name(row),
            mase=_known(float(forecast.mase[row])),
            calibrator=risk.calibrator,
            violated_minutes=float(np.nan_to_num(risk.at_slot[pair]).sum()) * grid.step_seconds / 60,
            has_default_limits=self.has_default_limits is not None and bool(self.has_default_limits[row]),
        )

    def _minute(self, pair: int, at: int, grid: Grid) -> PredictedMinute:
        row = self.risk.rows[pair]
        return PredictedMinute(
            slot=grid.as_of + (at + 1) * grid.step_seconds,
            value=float(self.forecast.mean[row, at]),
            low=float(self.forecast.joint_lower[row, at]),
            high=float(self.forecast.joint_upper[row, at]),
            probability=float(self.risk.at_slot[pair, at]),
        )


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
