"""Whether an indicator is at risk: it begins at one threshold and ends at a lower one, and does not flap."""

from __future__ import annotations

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Vector

REMEMBERED = 6
"""As-ofs that the state of a risk is derived from."""


ENDS_AT = 0.6
"""A risk ends below this share of the probability that it begins at, where nothing else is said."""


def is_at_risk(probabilities: Matrix, begin: float | Vector, end: float | Vector) -> Flags:
    """Whether indicators are at risk, from the probabilities of their last six as-ofs, oldest first.

    ``[n, 6]``, NaN where there is none; a threshold is one for all, or one each. The risk begins when one
    reaches ``begin``, and goes on until one falls below ``end``; before the six there was none. It is a
    function of these alone, so the order in which they were computed does not matter.
    """
    if not np.all((np.asarray(end) >= 0.0) & (np.asarray(end) <= begin) & (np.asarray(begin) <= 1.0)):
        raise ValueError(f"thresholds begin = {begin}, end = {end} are out of range: 0 <= end <= begin <= 1")
    at_risk = np.zeros(len(probabilities), dtype=np.bool_)
    for said in probabilities[:, -REMEMBERED:].T:
        at_risk = np.where(np.isnan(said), at_risk, (said >= begin) | (at_risk & (said >= end)))
    return at_risk
