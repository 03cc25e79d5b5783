"""The settings of a forecast: one frozen record, checked when it is built."""

from __future__ import annotations

from dataclasses import dataclass, field

from foresight.analysis import AnalysisParameters

LIMITS = {
    "stride": "5 to 60 slots",
    "warm_up": "at least 1 slot",
    "n_paths": "at least 8",
    "levels": "one or more, each between 0 and 1",
    "longest_gap": "0 or more slots",
    "joint_coverage": "between 0 and 1, both excluded",
    "band_factor": "above 0, at most 10",
}
FEWEST_PATHS = 8


@dataclass(frozen=True, slots=True)
class ForecastParameters:
    """How to forecast. Lengths count slots.

    Past origins lie ``stride`` slots apart; the first has ``warm_up`` slots of history (or a quarter of the
    window, if that is less). The joint paths come from the ``n_paths`` origins most like now. ``enough``
    says which series have enough data, as it does for the analysis. A series without a sample in the last
    ``longest_gap`` slots is not forecast. The joint band is ``band_factor`` times as wide as the paths say.
    """

    stride: int = 5
    warm_up: int = 60
    n_paths: int = 64
    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    joint_coverage: float = 0.9
    longest_gap: int = 30
    band_factor: float = 1.0
    enough: AnalysisParameters = field(default_factory=AnalysisParameters)

    def __post_init__(self) -> None:
        checks = {
            "stride": 5 <= self.stride <= 60,
            "warm_up": self.warm_up >= 1,
            "n_paths": self.n_paths >= FEWEST_PATHS,
            "levels": bool(self.levels) and all(0 < level < 1 for level in self.levels),
            "longest_gap": self.longest_gap >= 0,
            "joint_coverage": 0 < self.joint_coverage < 1,
            "band_factor": 0 < self.band_factor <= 10,
        }
        for name, holds in checks.items():
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)!r} is out of range: {LIMITS[name]}")
