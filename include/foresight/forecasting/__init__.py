"""The next minutes of many series at once, and the probability that they leave their bounds."""

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import UNTRAINED, Calibrator, shipped
from foresight.forecasting.candidates import MODELS
from foresight.forecasting.joint_forecast import Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds, BoundsError, RiskForecast, RiskState

__all__ = [
    "MODELS",
    "UNTRAINED",
    "Bounds",
    "BoundsError",
    "Calibrator",
    "Forecast",
    "ForecastParameters",
    "RiskForecast",
    "RiskState",
    "forecast",
    "forecast_risk",
    "shipped",
]
