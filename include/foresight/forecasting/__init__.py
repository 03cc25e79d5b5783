"""The next minutes of many series at once, and the probability that they leave their bounds."""

from foresight.forecasting.candidates import MODELS
from foresight.forecasting.outlook import Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.probability import (
    UNTRAINED,
    Calibrator,
    Components,
    Risk,
    violation_probability,
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
    "violation_probability",
]
