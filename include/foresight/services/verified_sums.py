"""Stored sums of what became of predictions, as the scores are computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foresight.forecasting.verification import EDGES, Sums

NAMES = ("n", "n_violated", "sum_said", "sum_brier", "sum_log_loss")


def sums_of(rows: Mapping[str, Sequence[Any]], chosen: Any = slice(None)) -> Sums:
    """The sums of some rows that hold ``bin`` and :data:`NAMES`."""
    at = np.array(rows["bin"], np.int64)[chosen]
    parts = (np.array(rows[name], np.float64)[chosen] for name in NAMES)
    n = len(EDGES) - 1
    return Sums(*(np.asarray(np.bincount(at, part, minlength=n), np.float64) for part in parts))
