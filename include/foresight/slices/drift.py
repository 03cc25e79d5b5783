"""Has the world moved away from what a model was trained on? Its inputs, and its errors.

The population stability index compares shares of bins: below 0.1 nothing moved, above 0.25 much did (Siddiqi
2006, "Credit Risk Scorecards"). Few rows make it large by chance, about ``(bins - 1) / rows``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from foresight.slices.features import INPUTS
from foresight.slices.network import Bins
from foresight.slices.targets import Floats

MUCH: Final = 0.25
FEWEST_ROWS: Final = 100
WORSE_FACTOR: Final = 1.2
FEWEST_ERRORS: Final = 3
_BINS: Final = 10
_CURRENT: Final = tuple(name for name in INPUTS if name.endswith("[t]"))


def profile(inputs: Floats) -> dict[str, Bins]:
    """The current value of each column of training rows ``[n, 24]``: edges of tenths, share of rows in each.

    The first and the last bin are for what lies outside; a column of few values has fewer bins.
    """
    found = {}
    for name in _CURRENT:
        values = inputs[:, INPUTS.index(name)]
        beyond = np.nextafter(values.max(), np.inf)
        edges = np.unique([*np.quantile(values, np.linspace(0, 1, _BINS + 1)[:-1]), beyond])
        found[name] = tuple(edges.tolist()), tuple(_shares(values, edges).tolist())
    return found


def input_drift(trained: Mapping[str, Bins], inputs: Floats) -> dict[str, float]:
    """The population stability index of each column of rows ``[n, 24]``, NaN for fewer than 100 rows."""
    found = {}
    for name, (edges, shares) in trained.items():
        values = inputs[:, INPUTS.index(name)]
        values = values[np.isfinite(values)]
        found[name] = (
            np.nan if len(values) < FEWEST_ROWS else _index(np.array(shares), values, np.array(edges))
        )
    return found


def has_drifted(index: float, n_rows: int) -> bool:
    """Whether an index is large, and larger than chance makes it with so few rows."""
    return bool(index > MUCH + (_BINS + 1) / max(n_rows, 1))


def has_worsened(errors: Floats, judged_high: float) -> bool:
    """Whether recent errors (prediction - answer, NaN where unknown) are worse than judged, beyond chance.

    ``judged_high``: the upper end of the judged RMSE. Worse is a mean square whose lower bound, two standard
    errors down, still exceeds 1.2 times that.
    """
    squared = errors[np.isfinite(errors)] ** 2
    if len(squared) < FEWEST_ROWS:
        return False
    lower = squared.mean() - 2 * squared.std(ddof=1) / np.sqrt(len(squared))
    return bool(lower > (WORSE_FACTOR * judged_high) ** 2)


def worse_than_configured(of: ArrayLike, predicted: Floats, configured: Floats, answers: Floats) -> set[str]:
    """The slices whose recent predictions were farther from what came true than ``configured`` was.

    ``of`` ``[n]``: the slice of each row. Fewer than three rows say nothing.
    """
    names, index = np.unique(np.asarray(of, np.str_), return_inverse=True)
    ours = np.bincount(index, (predicted - answers) ** 2, len(names))
    theirs = np.bincount(index, (configured - answers) ** 2, len(names))
    rows = np.bincount(index, minlength=len(names))
    return {str(name) for name in names[(rows >= FEWEST_ERRORS) & (ours > theirs)]}


def _shares(values: Floats, edges: Floats) -> Floats:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)


def _index(expected: Floats, values: Floats, edges: Floats) -> float:
    """Half a row is added to each bin, so that an empty one stays finite."""
    bins = len(edges) + 1
    seen = (_shares(values, edges) * len(values) + 0.5) / (len(values) + 0.5 * bins)
    wanted = np.maximum(expected, 0.5 / len(values))
    wanted = wanted / wanted.sum()
    return float(((seen - wanted) * np.log(seen / wanted)).sum())
