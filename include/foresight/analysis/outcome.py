"""What became of each series: one meaning for "not enough data", stored with the series."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """The verdict on one series of a matrix; the first that applies, in this order.

    Only ``OK`` series are analysed and forecast in full. A ``CONSTANT`` one has curves, aggregates and a
    forecast, but no statistic that divides by its variance. The others have aggregates over what was
    observed, and nothing else.
    """

    EMPTY = 4
    """No finite sample in the window."""
    SHORT = 3
    """Fewer finite samples than ``min_observed``."""
    GAPPY = 2
    """Enough samples, but a smaller share of the slots than ``min_coverage``."""
    CONSTANT = 1
    """Every finite sample has the same value."""
    OK = 0
    """Analysed."""

    @property
    def label(self) -> str:
        """The lower-case word that is stored and shown."""
        return self.name.lower()
