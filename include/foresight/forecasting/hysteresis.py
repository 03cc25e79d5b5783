"""Whether an indicator is at risk: it begins at one threshold and ends at a lower one, and does not flap."""

from __future__ import annotations

import numpy as np

from foresight.analysis.arrays import Flags, Matrix

REMEMBERED = 6
"""As-ofs that the state of a risk is derived from."""


def is_at_risk(probabilities: Matrix, begin: float, end: float) -> Flags:
    """Whether indicators are at risk, from the probabilities of their last six as-ofs, oldest first.

    ``[n, 6]``, NaN where there is none. The risk begins when one reaches ``begin``, and goes on until one
    falls below ``end``; before the six there was none. It is a function of these alone, so the order in which
    they were computed does not matter.
    """
    if not 0.0 <= end <= begin <= 1.0:
        raise ValueError(f"thresholds begin = {begin}, end = {end} are out of range: 0 <= end <= begin <= 1")
    at_risk = np.zeros(len(probabilities), dtype=np.bool_)
    for said in probabilities[:, -REMEMBERED:].T:
        at_risk = np.where(np.isnan(said), at_risk, (said >= begin) | (at_risk & (said >= end)))
    return at_risk
