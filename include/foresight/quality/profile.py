"""What the checks look at: one row a series, made of counts and spans, never of samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.series import SeriesKey, SeriesMatrix

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "row": "row of the profile",
    "series_id": "id of the series",
    "series": "the series as PromQL spells it, cut to 500 characters",
    "is_answered": "whether the source answered for it",
    "n_slots": "slots of the window",
    "n_observed": "slots with a finite value",
    "n_points": "points in the answer",
    "n_nan": "points that are NaN",
    "n_infinite": "points that are infinite",
    "n_duplicate": "points given twice",
    "n_off_grid": "points that lie on no end of a slot",
    "n_future": "points after the as-of instant",
    "n_huge": "values above 1e300 or below -1e300",
    "n_below_minimum": "values below what is possible for the metric",
    "n_above_maximum": "values above what is possible for the metric",
    "n_since_first": "slots from the first observed one to the end of the window",
    "n_since_last": "slots after the last observed one; the whole window where nothing is observed",
    "coverage": "n_observed / n_since_first, null where nothing is observed",
    "is_constant": "whether all observed values are equal, and there are any",
    "n_labels": "labels of the series",
    "label_bytes": "length of its identity in UTF-8",
    "min_coverage": "coverage that the catalogue asks for",
    "min_slots": "n_since_first that the catalogue asks for",
}
"""Every column that an expectation can name, and what it holds."""

SERIES_CHARACTERS = 500
HUGE = 1e300
"""Sums of larger values, and forecasts made of them, may overflow."""

_COUNTS = ("points", "nan", "infinite", "duplicate", "off_grid", "future")


def profile(
    matrix: SeriesMatrix,
    counts: Mapping[str, NDArray[np.int64]],
    *,
    missing: Collection[SeriesKey] = (),
    minimum: ArrayLike = -np.inf,
    maximum: ArrayLike = np.inf,
    min_coverage: ArrayLike = 0.0,
    min_slots: ArrayLike = 1,
) -> pd.DataFrame:
    """The profile of every series of a matrix, with the columns of ``COLUMNS``.

    Args:
        counts: what ``_COUNTS`` names, each ``[n_series]``.
        missing: series that the source did not answer for.
        minimum: least possible value, ``[n_series]`` or one for all; ``-inf`` where any value is possible.
        maximum: the same for the largest.
        min_coverage: least coverage, ``[n_series]`` or one for all.
        min_slots: least age in slots, ``[n_series]`` or one for all.
    """
    import pandas as pd  # a second of import that only the task that checks should pay

    n, n_slots = len(matrix), matrix.grid.n_slots
    samples = matrix.values
    observed = ~np.isnan(samples)
    n_observed = observed.sum(axis=1)
    has_any = n_observed > 0
    since_first = np.where(has_any, n_slots - observed.argmax(axis=1), 0)
    since_last = np.where(has_any, observed[:, ::-1].argmax(axis=1), n_slots)
    below = samples < np.broadcast_to(np.asarray(minimum, np.float64), n)[:, np.newaxis]
    above = samples > np.broadcast_to(np.asarray(maximum, np.float64), n)[:, np.newaxis]
    unanswered = set(missing)
    columns = {
        "row": np.arange(n),
        "series_id": matrix.ids,
        "series": [str(key)[:SERIES_CHARACTERS] for key in matrix.keys],
        "is_answered": [key not in unanswered for key in matrix.keys],
        "n_slots": np.full(n, n_slots),
        "n_observed": n_observed,
        **{f"n_{name}": counts[name] for name in _COUNTS},
        "n_huge": (np.abs(samples) > HUGE).sum(axis=1),
        "n_below_minimum": below.sum(axis=1),
        "n_above_maximum": above.sum(axis=1),
        "n_since_first": since_first,
        "n_since_last": since_last,
        "coverage": n_observed / np.where(has_any, since_first, np.nan),
        "is_constant": _is_constant(samples, has_any),
        "n_labels": [len(key.labels) for key in matrix.keys],
        "label_bytes": [len(key.canonical) for key in matrix.keys],
        "min_coverage": np.broadcast_to(np.asarray(min_coverage, np.float64), n),
        "min_slots": np.broadcast_to(np.asarray(min_slots), n),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _is_constant(values: NDArray[np.float64], has_any: NDArray[np.bool_]) -> NDArray[np.bool_]:
    lowest, highest = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    return np.asarray(has_any & (lowest == highest))
