"""Windows of recorded series, and matrices that Hypothesis draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "numerics" / "series.csv.gz"


@cache
def recorded() -> NDArray[np.float64]:
    """Every recorded series of the sample, ``[n_series, 2160]``."""
    table: NDArray[np.float64] = np.loadtxt(SAMPLE, delimiter=",", skiprows=1)
    return np.ascontiguousarray(table.T)


def recorded_windows(n_slots: int = 720, every: int = 720) -> NDArray[np.float64]:
    """Windows of the recorded series, those that never change left out."""
    series = recorded()
    starts = range(0, series.shape[1] - n_slots + 1, every)
    windows = np.concatenate([series[:, start : start + n_slots] for start in starts])
    return windows[np.ptp(windows, axis=1) > 0]


def matrices(
    min_slots: int = 1, max_slots: int = 40, missing: bool = True
) -> st.SearchStrategy[NDArray[np.float64]]:
    """Small matrices of ordinary numbers, with NaN and ±Inf among them if ``missing``."""
    numbers = st.floats(-1e12, 1e12, allow_subnormal=False)
    cells = st.one_of(numbers, st.sampled_from([np.nan, np.inf, -np.inf])) if missing else numbers
    shapes = st.tuples(st.integers(1, 4), st.integers(min_slots, max_slots))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=cells))
