"""What a model knows of the time: the answers of the same time yesterday and a week ago, and the calendar.

Capacity follows days and weeks where people do. These inputs are there for histories of at least
``FEWEST_DAYS``: before, a week ago is unknown.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.slices.targets import Floats

DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * DAY_SECONDS
FEWEST_DAYS: Final = 14
LAGS: Final = (DAY_SECONDS, WEEK_SECONDS)
"""Seconds that the answers among the inputs lie back."""
YESTERDAY: Final = "predicted[t-1d]"
LAST_WEEK: Final = "predicted[t-1w]"
SEASONAL: Final = (YESTERDAY, LAST_WEEK, "day_sin[t]", "day_cos[t]", "week_sin[t]", "week_cos[t]")
"""The names of the six inputs, in their order."""


def has_seasons(n_periods: int, granularity_seconds: int) -> bool:
    """Whether a history is long enough, and days hold a whole number of its periods."""
    return DAY_SECONDS % granularity_seconds == 0 and n_periods * granularity_seconds >= (
        FEWEST_DAYS * DAY_SECONDS
    )


def lagged(answers: Floats, granularity_seconds: int) -> Floats:
    """The answers of yesterday and of a week ago, ``[n_cells, n_periods, 2]``; NaN before the first."""
    found = np.full((*answers.shape, len(LAGS)), np.nan)
    for number, seconds in enumerate(LAGS):
        periods = seconds // granularity_seconds
        found[:, periods:, number] = answers[:, : answers.shape[1] - periods]
    return found


def calendar(starts: ArrayLike) -> NDArray[np.float64]:
    """Time of day and of week (UTC) of periods by their start (epoch seconds), as points on circles.

    Shape ``[..., 4]``, between -1 and 1.
    """
    at = np.asarray(starts, np.float64)[..., None]
    turns = 2 * np.pi * (at % LAGS) / LAGS
    return np.stack([np.sin(turns), np.cos(turns)], axis=-1).reshape(*turns.shape[:-1], 2 * len(LAGS))
