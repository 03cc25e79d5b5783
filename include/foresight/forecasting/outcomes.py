"""What became of predictions: whether samples left their bounds within the slots that were spoken of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """One a prediction; arrays of shape ``[n]``."""

    happened: Vector
    """1: violated; 0: not; NaN: not known, or not to be judged."""
    first_slot: Vector
    """The first slot outside, 1 = the next after as-of; NaN if none is known."""


def outcomes_of(ahead: Matrix, lower: Vector, upper: Vector, excluded: Flags | None = None) -> Outcomes:
    """The outcomes of bounds ``lower[n]`` and ``upper[n]`` on the samples ``ahead[n, horizon]`` after as-of.

    A missing sample leaves the outcome unknown unless another one is outside. A horizon with a slot of
    planned downtime, ``excluded[n, horizon]``, is not judged at all.
    """
    with np.errstate(invalid="ignore"):
        outside = (ahead < lower[:, None]) | (ahead > upper[:, None])
    left = outside.any(axis=1)
    unknown = ~left & ~np.isfinite(ahead).all(axis=1)
    if excluded is not None:
        unknown |= excluded.any(axis=1)
    happened = np.where(unknown, np.nan, left.astype(np.float64))
    return Outcomes(happened, np.where(happened == 1, np.argmax(outside, axis=1) + 1.0, np.nan))
