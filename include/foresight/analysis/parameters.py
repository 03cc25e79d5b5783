"""The settings of an analysis: one frozen record, checked when it is built."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnalysisParameters:
    """What to compute. Lengths and lags count slots.

    ``period`` 0 means: find one in each series. ``min_observed`` and ``min_coverage`` decide which series
    have enough data; see :class:`foresight.analysis.outcome.Outcome`.
    """

    windows: tuple[int, ...] = (60, 180, 720)
    autocorrelation_lags: int = 40
    confidence: float = 0.95
    hp_lambda: float = 1600.0
    adf_max_lag: int = 3
    significance: float = 0.05
    period: int = 0
    min_observed: int = 30
    min_coverage: float = 0.8

    def __post_init__(self) -> None:
        checks = {
            "windows": bool(self.windows) and min(self.windows) >= 1,
            "autocorrelation_lags": self.autocorrelation_lags >= 1,
            "confidence": 0 < self.confidence < 1,
            "hp_lambda": 0 < self.hp_lambda <= MAX_HP_LAMBDA,
            "adf_max_lag": 0 <= self.adf_max_lag <= MAX_ADF_LAG,
            "significance": 0 < self.significance < 1,
            "period": self.period == 0 or self.period >= MIN_PERIOD,
            "min_observed": self.min_observed >= LEAST_OBSERVED,
            "min_coverage": 0 < self.min_coverage <= 1,
        }
        for name, holds in checks.items():
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)!r} is out of range: {LIMITS[name]}")


MAX_HP_LAMBDA = 1e10
MAX_ADF_LAG = 12
MIN_PERIOD = 2
LEAST_OBSERVED = 16
LIMITS = {
    "windows": "one or more lengths of at least one slot",
    "autocorrelation_lags": "at least 1",
    "confidence": "between 0 and 1, both excluded",
    "hp_lambda": f"above 0, at most {MAX_HP_LAMBDA:g}",
    "adf_max_lag": f"0 to {MAX_ADF_LAG}",
    "significance": "between 0 and 1, both excluded",
    "period": f"0 (find one), or at least {MIN_PERIOD} slots",
    "min_observed": f"at least {LEAST_OBSERVED} slots",
    "min_coverage": "above 0, at most 1",
}
