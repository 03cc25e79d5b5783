"""The state of a series, an SLI or an SLA: one table, one function.

Reasons are facts, and several may hold at once. The first line of the table whose reason holds gives the
state: an overspent budget and an active alert come before silence, so a host that crashes looks no better.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The state of an SLA, an SLI or a series; declared from best to worst.

    Not knowing is worse than ok, and better than knowing of trouble.
    """

    OK = "ok"
    NO_TRAFFIC = "no_traffic"
    MAINTENANCE = "maintenance"
    STALE = "stale"
    NO_DATA = "no_data"
    AT_RISK = "at_risk"
    VIOLATED = "violated"

    @property
    def severity(self) -> int:
        """0 for the best state."""
        return SEVERITY[self]


SEVERITY: Final = {state: rank for rank, state in enumerate(State)}


class Reason(StrEnum):
    """A fact about a series; several may hold at once."""

    BUDGET_SPENT = "budget_spent"
    OUTSIDE_NOW = "outside_now"
    BURN_RATE = "burn_rate"
    MAINTENANCE = "maintenance"
    PROBABILITY = "probability"
    NO_TRAFFIC = "no_traffic"
    NO_SERIES = "no_series"
    NOTHING_OBSERVED = "nothing_observed"
    SILENT = "silent"
    IMPOSSIBLE_COUNTS = "impossible_counts"


PRECEDENCE: Final = (
    (Reason.BUDGET_SPENT, State.VIOLATED),
    (Reason.OUTSIDE_NOW, State.VIOLATED),
    (Reason.BURN_RATE, State.AT_RISK),
    (Reason.MAINTENANCE, State.MAINTENANCE),
    (Reason.PROBABILITY, State.AT_RISK),
    (Reason.NO_TRAFFIC, State.NO_TRAFFIC),
    (Reason.NO_SERIES, State.NO_DATA),
    (Reason.NOTHING_OBSERVED, State.NO_DATA),
    (Reason.SILENT, State.STALE),
)
"""From the reason that decides first to the one that decides last; with none of them the state is ok."""


def state_of(reasons: Collection[Reason]) -> State:
    """The state that these reasons make."""
    return next((state for reason, state in PRECEDENCE if reason in reasons), State.OK)


def worst_state(states: Iterable[State]) -> State:
    """The worst of at least one state."""
    return max(states, key=SEVERITY.__getitem__)
