"""What the forecast says about each (indicator, series) pair, as columns; one record a pair on request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.grid import Grid
from foresight.sla.status import Outlook, PredictedMinute

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outlooks:
    """Columns over ``n_pairs`` pairs and ``n_steps`` coming slots.

    ``probability[n_pairs]`` that any coming sample leaves the bounds, NaN where there is no forecast;
    ``components`` are the estimates that it was made from; ``first_step`` is the expected first violating
    step (1-based, 0 for none). ``value``, ``low`` and ``high`` are ``[n_pairs, n_steps]``.
    """

    probability: Floats
    components: Mapping[str, Floats]
    first_step: NDArray[np.int64]
    value: Floats
    low: Floats
    high: Floats
    model: Sequence[str]
    mase: Floats
    calibrator: str

    def outlook(self, pair: int, lower: float, upper: float, grid: Grid) -> Outlook | None:
        """The record of one pair; None where there is no forecast."""
        if math.isnan(self.probability[pair]):
            return None
        step = int(self.first_step[pair])
        outside = np.flatnonzero((self.value[pair] < lower) | (self.value[pair] > upper))
        return Outlook(
            probability=float(self.probability[pair]),
            components=tuple((name, float(column[pair])) for name, column in self.components.items()),
            first_slot=grid.as_of + step * grid.step_seconds if step else None,
            predicted=tuple(self._minute(pair, int(at), grid) for at in outside),
            model=self.model[pair],
            mase=_known(self.mase[pair]),
            calibrator=self.calibrator,
        )

    def _minute(self, pair: int, at: int, grid: Grid) -> PredictedMinute:
        return PredictedMinute(
            slot=grid.as_of + (at + 1) * grid.step_seconds,
            value=float(self.value[pair, at]),
            low=_known(self.low[pair, at]),
            high=_known(self.high[pair, at]),
        )


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
