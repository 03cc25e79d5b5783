"""How often one user may call what costs much: a bucket of calls that fills again as time passes."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Final

from foresight.web.errors import Problem

_MOST_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second on average, and so many at once."""

    per_second: float
    at_once: int


SCORING: Final = "scoring"
WHAT_IF: Final = "what_if"
BACKTEST: Final = "backtest"
RATES: Final[Mapping[str, Rate]] = {
    SCORING: Rate(3_000.0, 3_000), WHAT_IF: Rate(1.0, 20), BACKTEST: Rate(0.1, 3),
}  # fmt: skip
"""Calls of one user in one process of the API server."""


class Limits:
    """The buckets of all users."""

    def __init__(
        self, rates: Mapping[str, Rate] = RATES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates, self._clock, self._lock = rates, clock, Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, calls: str, user: str) -> None:
        """Takes one call out of a user's bucket. Raises ``Problem`` (429) where it is empty."""
        rate, now = self._rates[calls], self._clock()
        with self._lock:
            left, since = self._buckets.get((calls, user), (float(rate.at_once), now))
            left = min(rate.at_once, left + (now - since) * rate.per_second)
            self._buckets[calls, user] = (max(left - 1, 0.0) if left >= 1 else left, now)
            self._buckets.move_to_end((calls, user))
            while len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        if left < 1:
            seconds = math.ceil((1 - left) / rate.per_second)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"a user may call {calls} {rate.per_second:g} times a second, {rate.at_once} at once",
                headers={"Retry-After": str(seconds)},
            )
