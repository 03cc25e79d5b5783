"""The array types of the numeric rooms, and exact scaling of extreme magnitudes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

SAFE = 2.0**300
"""A series whose largest magnitude lies outside ``1/SAFE .. SAFE`` is scaled, so that squares stay finite."""

BUFFERED = 64
"""Elements; less than most rows, and enough for the few operands that change their type."""


@contextmanager
def unbuffered() -> Iterator[None]:
    """Work on rows where they lie: no result changes, but much of it comes sooner.

    An operand that numpy broadcasts, or that is a part of its rows, is copied through a buffer of 8,192
    elements first, several rows at a time. Where a row is longer than the buffer, it is not.
    """
    with np.errstate():  # it restores the size too
        np.setbufsize(BUFFERED)
        yield


def power_of_two_scale(largest: Vector) -> Vector:
    """The factor by which a series of that ``largest`` magnitude is multiplied before work on it.

    A power of two, so nothing is rounded; 1.0 for ordinary magnitudes and for zero.
    """
    extreme = (largest > SAFE) | ((largest < 1.0 / SAFE) & (largest > 0.0))
    if not extreme.any():
        return np.ones(largest.shape)
    _, exponent = np.frexp(largest)
    return np.where(extreme, np.ldexp(1.0, np.clip(-exponent, -1022, 1022)), 1.0)
