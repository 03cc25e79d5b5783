"""The time grid: equally long slots that end at the as-of instant.

Slot ``i`` covers the half-open span ``(ends[i] - step, ends[i]]`` and is named by its end, which is how
Prometheus stamps ``avg_over_time``. Times are UTC; inside, they are whole epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

INTERVAL = timedelta(minutes=10)
"""How much time one telemetry run adds."""

STEP_SECONDS: Final = 60
"""The length of a slot, the same for every series: SLAs, budgets and messages count in minutes."""

STEP = timedelta(seconds=STEP_SECONDS)

WINDOW_SECONDS: Final = 12 * 3600
"""How far back a run looks, where an entry of the catalogue does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Grid:
    """``n_slots`` slots of ``step_seconds`` each; the last one ends at ``as_of`` (epoch seconds, UTC)."""

    as_of: int
    n_slots: int
    step_seconds: int = STEP_SECONDS

    def __post_init__(self) -> None:
        if self.step_seconds < 1 or self.n_slots < 1:
            msg = f"a grid needs at least one slot of at least one second, got {self}"
            raise ValueError(msg)
        if self.as_of % self.step_seconds:
            msg = f"as-of {self.as_of} does not lie on a multiple of the step of {self.step_seconds} s"
            raise ValueError(msg)

    @classmethod
    def ending_at(cls, instant: datetime, n_slots: int, step_seconds: int = STEP_SECONDS) -> Grid:
        """The grid that ends at ``instant`` floored to the step; a naive instant is refused."""
        epoch = whole_seconds(instant)
        return cls(epoch - epoch % step_seconds, n_slots, step_seconds)

    @property
    def start(self) -> int:
        """Where the first slot begins (excluded from it), epoch seconds."""
        return self.as_of - self.n_slots * self.step_seconds

    @property
    def ends(self) -> NDArray[np.int64]:
        """The end of each slot, epoch seconds, shape ``[n_slots]``."""
        return self.start + self.step_seconds * np.arange(1, self.n_slots + 1, dtype=np.int64)

    @property
    def as_of_utc(self) -> datetime:
        """The as-of instant as an aware datetime."""
        return datetime.fromtimestamp(self.as_of, UTC)

    def tail(self, n_slots: int) -> Grid:
        """The last ``n_slots`` slots."""
        return Grid(self.as_of, n_slots, self.step_seconds)

    def ahead(self, n_slots: int) -> Grid:
        """The ``n_slots`` slots that follow this grid."""
        return Grid(self.as_of + n_slots * self.step_seconds, n_slots, self.step_seconds)

    def index_of(self, epoch: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slot that each instant falls into; outside the grid the answer is < 0 or >= n_slots."""
        return -((self.start - np.asarray(epoch)) // self.step_seconds) - 1


def epoch_seconds(instant: datetime) -> float:
    """Epoch seconds of an aware datetime; a naive one is refused, for its zone would be a guess."""
    if instant.tzinfo is None:
        msg = f"{instant!r} has no time zone"
        raise ValueError(msg)
    return instant.timestamp()


def floored(instant: datetime, step: timedelta = STEP) -> datetime:
    """The last multiple of ``step`` that is not after an aware instant."""
    return instant - (instant - datetime.min.replace(tzinfo=UTC)) % step


def whole_seconds(instant: datetime) -> int:
    """The same, rounded down: how instants are stored and compared."""
    return math.floor(epoch_seconds(instant))
