"""The risk forecast: how likely each pair of bounds is left, by horizon and minute by minute.

These are the shapes that callers meet. :func:`~foresight.forecasting.forecast_risk` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Integers, Matrix, Rows, Vector


class BoundsError(ValueError):
    """A pair of bounds that no sample can lie between."""


class RiskState(IntEnum):
    """Whether a pair has a probability, and if not, why."""

    OK = 0
    STALE = 1
    """The exporter repeats its last value: the samples say nothing about the present."""
    NO_FORECAST = 2
    """The series has too few samples to be forecast."""
    GAP = 3
    """The newest sample is too old for the horizon."""

    @property
    def reason(self) -> str:
        """The state in words; empty for ``OK``."""
        return REASONS[self]


REASONS = {
    RiskState.OK: "",
    RiskState.STALE: "the series repeats its last value, so it says nothing about the present",
    RiskState.NO_FORECAST: "the window holds too few samples for a forecast",
    RiskState.GAP: "the newest sample is too old for a forecast",
}


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Pairs of bounds, any number a series, in any order; arrays of shape ``[n_pairs]``.

    Raises ``BoundsError`` where ``lower > upper``.
    """

    rows: Rows
    """The series of each pair."""
    lower: Vector
    """-Inf or NaN: open."""
    upper: Vector
    """Inf or NaN: open. A sample on a bound is inside."""

    def __post_init__(self) -> None:
        shapes = {np.shape(self.rows), np.shape(self.lower), np.shape(self.upper)}
        if len(shapes) > 1:
            raise ValueError(f"rows, lower and upper differ in shape: {', '.join(map(str, shapes))}")
        crossed = np.flatnonzero(np.asarray(self.lower) > np.asarray(self.upper))
        if crossed.size:
            at = int(crossed[0])
            raise BoundsError(
                f"bounds {at}: min = {self.lower[at]:g} is above max = {self.upper[at]:g}; "
                "allowed: min <= max"
            )

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The parts of an explanation, in numbers; arrays of shape ``[n_pairs]``, NaN where there is none."""

    slope: Vector
    """Change a slot of the local trend that fits best."""
    slots_to_bound: Vector
    """When that trend reaches the nearer bound; NaN if it never does."""
    period: Vector
    """Slots between repetitions, if the series repeats itself."""
    next_in: Vector
    """Slots until the repetition leaves the bounds next."""
    volatility_ratio: Vector
    """Present volatility over the usual one."""
    outside_share: Vector
    """Share of the observed slots of the window outside the bounds."""
    contributions: Matrix
    """How far each of :data:`CONTRIBUTORS` moves the log odds away from those of an ordinary pair,
    ``[n_pairs, n_contributors]``."""


CONTRIBUTORS = ("trend", "repetition", "similar_past", "distance", "recent_past")


@dataclass(frozen=True, slots=True, eq=False)
class SideFeatures:
    """What the calibrator read of each side that has a bound, a row a side and horizon; what a refit learns
    from."""

    pair: Rows
    horizon: Integers
    """Slots ahead."""
    side: Integers
    """1: the upper bound; -1: the lower one."""
    values: NDArray[np.float32]
    """Signals, then context, ``[n, n_features]``."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskForecast:
    """The next slots after as-of against each pair of bounds; NaN where ``state`` is not ``OK``."""

    rows: Rows
    """The series each pair belongs to."""
    horizons: tuple[int, ...]
    """Slots ahead, ascending."""
    probability: Matrix
    """That any sample of the next ``horizons[j]`` slots is outside, ``[n_pairs, n_horizons]``."""
    by_slot: Matrix
    """That any sample up to slot k is outside, ``[n_pairs, horizons[0]]``; it never falls with k."""
    at_slot: Matrix
    """That the sample of slot k itself is outside, of the same shape; never above ``by_slot``."""
    first_slot: Vector
    """The median first violating slot within ``horizons[0]``, given that there is one; 1 = the next slot."""
    outside_now: Flags
    """Whether the newest sample is outside."""
    views: Matrix
    """What each of :data:`~foresight.forecasting.features.SHARES` says within ``horizons[0]``, uncalibrated,
    ``[n_pairs, n_views]``."""
    state: Integers
    """A :class:`RiskState` each."""
    calibrator: str
    """The version of what made the probability."""
    explanation: Explanation
    features: SideFeatures | None = None
    """Where they were asked for; of pairs that have a probability."""
