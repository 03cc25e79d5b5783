"""Windows and origins of plain matrices, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.origins import Origins, Plan
from foresight.forecasting.window import Window


def window_of(samples: NDArray[np.float64], gap: int = 0) -> Window:
    return Window.of(samples, np.ones(samples.shape, dtype=np.bool_), gap)


def origins_of(samples: NDArray[np.float64], plan: Plan) -> Origins:
    return Origins.of(window_of(samples), plan)
