"""Decides on every cell that has something new, announces the decisions, and watches the model in use."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
from sqlalchemy import Connection

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, POLICY_TOPIC
from foresight.messaging import ClientConfig
from foresight.services.publications import open_publication, publish_pending
from foresight.services.slices.configuration import SENT, configured_of
from foresight.services.slices.decisions import (
    Decided,
    decide,
    decided_messages,
    newest,
    undecided,
)
from foresight.services.slices.events import letter_messages
from foresight.services.slices.knowledge import load_knowledge
from foresight.services.slices.options import DecisionOptions, load_champion
from foresight.slices.drift import has_drifted, input_drift
from foresight.slices.targets import Target
from foresight.store import Store, upsert
from foresight.store import tables as stored
from foresight.store.slices import (
    Cell,
    confirm,
    last_sent,
    next_batch,
    save_anchors,
    save_answers,
    save_rows,
    spellings,
)

log = logging.getLogger(__name__)

PART: Final = "policy"


def decide_and_save(
    connection: Connection, at: int, options: DecisionOptions, *, is_wanted: bool
) -> dict[str, int]:
    """Decides on what waits now and stores it; a message is opened where anything is to be sent.

    Where no message is wanted, what would be decided is counted and nothing is stored: the run leaves no
    trace.
    """
    if is_wanted:
        confirm_sent(connection, at)
    waiting = undecided(connection, at, options.granularity_seconds)
    if not waiting:
        return {"decided": 0, "sent": 0}
    decided = decide(connection, waiting, at, options)
    counts = decided.counts()
    drifted = _drifted(connection, decided, options.target)
    if is_wanted:
        _save(connection, at, options, decided)
    else:
        log.info("not stored and not sent, for nobody wants this run's messages: %s", counts)
        counts = {f"would be {name}" if name == "sent" else name: n for name, n in counts.items()} | {
            "sent": 0
        }
    return {"decided": len(waiting), **counts, "drifted_inputs": len(drifted)}


def _save(connection: Connection, at: int, options: DecisionOptions, decided: Decided) -> None:
    batch = next_batch(connection, [POLICY_TOPIC], at)
    upsert(connection, stored.slice_prediction, {**decided.columns, "as_of": batch})
    save_answers(connection, options.granularity_seconds, decided.overdue)
    save_rows(connection, stored.slice_sent, [{**row, "as_of": batch} for row in decided.sent])
    save_rows(connection, stored.slice_configuration, [
        {"snssai": cell[0], "cu": cell[1], "cell": cell[2], "since": since, "connections": value,
         "read_at": since, "source": SENT}
        for cell, (since, value) in decided.unread.items()
    ])  # fmt: skip
    save_anchors(connection, decided.anchors, at)
    if decided.sent:
        open_publication(connection, POLICY_TOPIC, batch, PART, is_wanted=True)


def to_be_asked(connection: Connection, at: int, granularity: int) -> tuple[list[Cell], dict[Cell, Cell]]:
    """The cells whose configuration a run needs: those that wait, and all others of their slices.

    And the slice and cell of each as the configuration service knows them.
    """
    seen = newest(connection, at, granularity)
    slices = {cell[0] for cell, (_, is_decided) in seen.items() if not is_decided}
    known = load_knowledge(connection)
    cells = sorted(cell for cell in seen if cell[0] in slices)
    spelled = spellings(connection, granularity, {cell: seen[cell][0] for cell in cells})
    return cells, {
        cell: (spelled.get(cell, cell[0]), cell[1], known.local(cell) or cell[2]) for cell in cells
    }


def confirm_sent(connection: Connection, at: int) -> int:
    """Notes of which changes the configuration has taken up; says how many."""
    waiting = {cell: row for cell, row in last_sent(connection).items() if row.confirmed_at is None}
    if not waiting:
        return 0
    cells = list(waiting)
    found = configured_of(
        connection, cells, np.full((len(cells), 1), at), load_knowledge(connection).local_ids(cells)
    )
    taken = [
        (cell, waiting[cell])
        for cell, value, since, read_at in zip(
            cells, found.connections[:, 0], found.since, found.read_at, strict=True
        )
        if value == waiting[cell].connections
        and not np.isnan(read_at)
        and max(since, read_at) >= waiting[cell].sent_at.timestamp()
    ]
    confirm(connection, taken, at)
    return len(taken)


def _drifted(connection: Connection, decided: Decided, target: Target) -> list[str]:
    """Which inputs have moved away from what the model in use was trained on."""
    champion = load_champion(connection, target)
    if champion is None:
        return []
    found = input_drift(champion.model.card.profile, decided.inputs)
    moved = {name: index for name, index in found.items() if has_drifted(index, len(decided.inputs))}
    for name, index in moved.items():
        log.warning("input %s has drifted: population stability index %.2f", name, index)
    return list(moved)


def publish_decisions(store: Store, kafka: ClientConfig) -> dict[str, int]:
    """Sends every policy message and dead letter that waits, each once."""
    try:
        sent = publish_pending(store, kafka, POLICY_TOPIC, lambda as_of: decided_messages(store, as_of))
    finally:  # a policy message that no broker takes keeps no dead letter back
        letters = publish_pending(
            store, kafka, PERFORMANCE_DEAD_LETTER_TOPIC, lambda as_of: letter_messages(store, as_of)
        )
    return sent | letters
