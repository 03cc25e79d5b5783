"""What the forecast says about each (indicator, series) pair, as records that are stored and shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresight.forecasting.outlook import Forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.probability import UNTRAINED, Calibrator, Risk, forecast_with_risk
from foresight.grid import Grid
from foresight.series import SeriesMatrix
from foresight.sla.matching import Pairs
from foresight.sla.status import Outlook, PredictedMinute

DEFAULTS = ForecastParameters()


@dataclass(frozen=True, slots=True, eq=False)
class Outlooks:
    """The forecast of a matrix, and its risk for exactly the pairs that are evaluated, in their order."""

    forecast: Forecast
    risk: Risk

    @classmethod
    def of(
        cls,
        matrix: SeriesMatrix,
        pairs: Pairs,
        horizon: int = 10,
        parameters: ForecastParameters = DEFAULTS,
        calibrator: Calibrator = UNTRAINED,
    ) -> Outlooks:
        """Forecast the matrix ``horizon`` slots ahead and judge each pair's bounds against that."""
        bounds = pairs.row, pairs.lower, pairs.upper
        return cls(*forecast_with_risk(matrix.values, *bounds, horizon, parameters, calibrator))

    def outlook(self, pair: int, grid: Grid) -> Outlook | None:
        """The record of one pair; None where there is no forecast."""
        risk, forecast, row = self.risk, self.forecast, int(self.risk.rows[pair])
        if math.isnan(risk.probability[pair]):
            return None
        views = {
            "paths": risk.components.paths,
            "analogs": risk.components.analogs,
            "onsets": risk.components.onsets,
        }
        first = float(risk.first_step[pair])
        return Outlook(
            probability=float(risk.probability[pair]),
            components=tuple((name, _known(float(view[pair, -1]))) for name, view in views.items()),
            first_slot=None if math.isnan(first) else grid.as_of + max(round(first), 1) * grid.step_seconds,
            predicted=tuple(self._minute(pair, int(at), grid) for at in np.flatnonzero(risk.violating[pair])),
            model=forecast.model_name(row),
            mase=_known(float(forecast.mase[row])),
            calibrator=risk.calibrator,
            violated_minutes=float(np.nan_to_num(risk.step_probability[pair]).sum()) * grid.step_seconds / 60,
        )

    def _minute(self, pair: int, at: int, grid: Grid) -> PredictedMinute:
        row = self.risk.rows[pair]
        return PredictedMinute(
            slot=grid.as_of + (at + 1) * grid.step_seconds,
            value=float(self.forecast.mean[row, at]),
            low=float(self.forecast.joint_lower[row, at]),
            high=float(self.forecast.joint_upper[row, at]),
            probability=float(self.risk.step_probability[pair, at]),
        )


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
