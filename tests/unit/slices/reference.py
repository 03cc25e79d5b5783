"""The published recording of one slice: 11 cells × 10,840 periods."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[2] / "data" / "onap"


@cache
def recording() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counters ``[11, 10840, 3]`` and configured ``[11, 10840]``."""
    frame = pd.read_parquet(FOLDER / "train_s1.parquet")
    values = frame.to_numpy(np.float64).reshape(len(frame), -1, 4).transpose(1, 0, 2)
    return values[..., :3].copy(), values[..., 3].copy()
