"""Changes of state as the messages that announce them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from foresight.grid import whole_seconds
from foresight.messaging import Message
from foresight.services.publications import Said
from foresight.sla.changes import StateAt, StateChange, event_message
from foresight.sla.states import State
from foresight.store import Store
from foresight.store.announcements import content_of_changes, state_changes


def event_messages(store: Store, as_of: int) -> Said:
    """One message a change of state at ``as_of``, with the figures that are stored beside it."""
    rows = store.read(lambda connection: state_changes(connection, as_of))
    return Said((_message(change_of(row)) for row in rows), content_of_changes(rows))


def _message(change: StateChange) -> Message:
    return Message(change.event_id, change.key.encode(), orjson.dumps(event_message(change)))


def change_of(row: Mapping[str, Any]) -> StateChange:
    """A stored change of state with the figures beside it."""
    previous = None
    if row["previous_as_of"] is not None:
        previous = StateAt(whole_seconds(row["previous_as_of"]), State(row["previous_state"]))
    return StateChange(
        sla_name=row["sla_name"],
        sli_name=row["sli_name"],
        as_of=whole_seconds(row["as_of"]),
        previous=previous,
        state=State(row["state"]),
        revision=row["revision"],
        number=row["number"],
        n_series=row["n_series"],
        worst_series_id=row["worst_series_id"],
        current_value=row["current_value"],
        current_slot=row["current_slot"] and whole_seconds(row["current_slot"]),
        probability=row["probability"],
        expected_first_slot=row["expected_first_slot"] and whole_seconds(row["expected_first_slot"]),
    )
