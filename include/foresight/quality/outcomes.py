"""What a run says about each series: every one that was planned gets exactly one outcome."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one series in one run; ``ok`` and ``constant`` go on, the others are set aside."""

    OK = "ok"
    CONSTANT = "constant"
    """All observed values are equal: analysed and forecast, but there is no stationarity test for it."""
    MISSING = "missing"
    """It was planned, and the source did not answer for it."""
    EMPTY = "empty"
    """The source answered, and no slot holds a finite value."""
    LABELS = "labels"
    """Its labels are too many or too long to be stored and shown."""
    NONFINITE = "nonfinite"
    """Some of what the source holds is infinite."""
    HUGE = "huge"
    """Some values are so large that calculating with them overflows."""
    NEGATIVE = "negative"
    """Some values lie below what is possible for the metric."""
    EXCESSIVE = "excessive"
    """Some values lie above what is possible for the metric."""
    SHORT = "short"
    """It began too recently."""
    GAPPY = "gappy"
    """Too many of its slots are missing."""

    @property
    def is_quarantined(self) -> bool:
        """Whether the series is set aside for this run."""
        return self not in {Outcome.OK, Outcome.CONSTANT}
