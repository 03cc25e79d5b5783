"""The next minutes of many series at once, and the probability that they leave their bounds."""

from foresight.forecasting.candidates import MODELS
from foresight.forecasting.joint_forecast import Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters

__all__ = [
    "MODELS",
    "Forecast",
    "ForecastParameters",
    "forecast",
]
