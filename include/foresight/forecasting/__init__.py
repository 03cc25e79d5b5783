"""The next minutes of many series at once, and the probability that they leave their bounds."""

from foresight.forecasting.candidates import MODELS
from foresight.forecasting.outlook import Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.probability import (
    UNTRAINED,
    Calibrator,
    Components,
    Risk,
    forecast_with_risk,
)

__all__ = [
    "MODELS",
    "UNTRAINED",
    "Calibrator",
    "Components",
    "Forecast",
    "ForecastParameters",
    "Risk",
    "forecast",
    "forecast_with_risk",
]
