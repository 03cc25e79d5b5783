"""Changes of state: what became different between two evaluations, and the message that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from foresight.instants import iso
from foresight.sla.states import State
from foresight.sla.status import SlaStatus, SliStatus

SCHEMA_VERSION: Final = 1
QUIET: Final = State.OK
"""What was never evaluated counts as ok: its first status is a change only if it is anything else."""

SliName = tuple[str, str]
"""SLA and SLI."""


@dataclass(frozen=True, slots=True)
class StateAt:
    """A state, and the as-of (epoch seconds) that it was found at."""

    as_of: int
    state: State


@dataclass(frozen=True, slots=True)
class StateChange:
    """One change of state of one SLI, with the figures it rests on; instants are epoch seconds.

    ``previous`` is None where the SLI was never evaluated before. ``number`` counts, from 1, how often what
    is announced of this instant became another change: one that comes back is a new announcement.
    """

    sla_name: str
    sli_name: str
    as_of: int
    previous: StateAt | None
    state: State
    revision: str
    n_series: int = 0
    worst_series_id: int | None = None
    current_value: float | None = None
    current_slot: int | None = None
    probability: float | None = None
    expected_first_slot: int | None = None
    number: int = 1

    @property
    def event_id(self) -> str:
        """32 hex digits that are the same whoever finds this change, and however often.

        They follow from both states too: a later evaluation of the same instant that finds another change
        announces it as another one, and once more when it finds the first one again.
        """
        before = self.previous.state.value if self.previous else None
        identity = [self.sla_name, self.sli_name, self.as_of, before, self.state.value, self.revision]
        if self.number > 1:
            identity.append(self.number)
        return hashlib.sha256(orjson.dumps(identity)).hexdigest()[:32]

    @property
    def key(self) -> str:
        """The key of the message: all changes of one SLI stay in order."""
        return f"{self.sla_name}/{self.sli_name}"


def changes(previous: Mapping[SliName, StateAt], statuses: Sequence[SlaStatus]) -> list[StateChange]:
    """The SLIs whose state differs from ``previous``, their newest state before this as-of."""
    return [
        _change(sla, sli, before)
        for sla in statuses
        for sli in sla.slis
        for before in [previous.get((sla.sla.name, sli.sli.name))]
        if sli.state is not (before.state if before else QUIET)
    ]


def event_message(change: StateChange) -> dict[str, Any]:
    """The message of topic ``sla-events``; see ``schemas/sla-events.v1.json``."""
    previous = change.previous
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": change.event_id,
        "sla": change.sla_name,
        "sli": change.sli_name,
        "revision": change.revision,
        "as_of": iso(change.as_of),
        "state": change.state.value,
        "previous_state": previous.state.value if previous else None,
        "previous_as_of": iso(previous.as_of) if previous else None,
        "n_series": change.n_series,
        "worst_series_id": None if change.worst_series_id is None else str(change.worst_series_id),
        "current_value": change.current_value,
        "current_slot": iso(change.current_slot),
        "probability": change.probability,
        "expected_first_slot": iso(change.expected_first_slot),
    }


def _change(sla: SlaStatus, sli: SliStatus, before: StateAt | None) -> StateChange:
    worst = sli.worst
    current = worst.current if worst else None
    risk = worst.risk if worst else None
    return StateChange(
        sla_name=sla.sla.name,
        sli_name=sli.sli.name,
        as_of=sla.as_of,
        previous=before,
        state=sli.state,
        revision=sla.revision,
        n_series=len(sli.series),
        worst_series_id=worst.key.id if worst and worst.key else None,
        current_value=current.value if current else None,
        current_slot=current.slot if current else None,
        probability=risk.probability if risk else None,
        expected_first_slot=risk.first_slot if risk else None,
    )
