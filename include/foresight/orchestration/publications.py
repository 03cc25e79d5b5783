"""Announcing what was persisted: each interval once, whatever was killed on the way.

A publication is a row: ``pending`` from the moment that the results are complete, with the topic's end
offsets from the moment before its first message, ``published`` when every message is confirmed. A run
sends whatever is pending, its own interval and those that an earlier run could not send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from foresight.messaging import ClientConfig, Message, Publication, end_offsets, ensure_topic, publish
from foresight.orchestration.connections import kafka_config
from foresight.store import Store, find_publication, save_publication
from foresight.store.tables import publication

log = logging.getLogger(__name__)
PENDING, PUBLISHED, SKIPPED = "pending", "published", "skipped"
AT_ONCE = 100
"""Most intervals that one run catches up on."""


def is_announced(context: Mapping[str, Any]) -> bool:
    """Whether the run announces its results: a backfill does not unless asked to."""
    wish = context["params"]["publish"]
    return bool(wish == "always" or (wish == "auto" and context["dag_run"].run_type.value != "backfill"))


def open_publication(connection: Connection, topic: str, as_of: int, part: str, *, is_wanted: bool) -> None:
    """Notes that an interval is to be announced, or that nobody wants it to be; never takes a word back."""
    found = find_publication(connection, topic, as_of, part)
    if found is None or (found["state"] == SKIPPED and is_wanted):
        state = PENDING if is_wanted else SKIPPED
        save_publication(
            connection, topic, as_of, part, state=state, n_messages=0, updated_at=datetime.now(UTC)
        )


def publish_pending(store: Store, topic: str, messages: Callable[[int], Iterable[Message]]) -> dict[str, int]:
    """Sends every pending publication of a topic, oldest first, and says how many messages each has.

    ``messages`` makes those of an as-of from what is stored, the same ones whenever it is asked.
    """
    waiting = store.read(lambda connection: _pending(connection, topic))
    config = kafka_config()
    if waiting:
        ensure_topic(config, topic)
    sent = {}
    for as_of, part in waiting:
        batch = f"{topic}/{as_of}/{part}"
        offsets = _start_offsets(store, config, topic, as_of, part)
        delivered = publish(config, topic, messages(as_of), Publication(batch, offsets))
        log.info("%s: %d messages sent, %d were there", batch, delivered.sent, delivered.already_there)
        _save(store, topic, as_of, part, state=PUBLISHED, n_messages=delivered.total)
        sent[batch] = delivered.total
    return sent


def _pending(connection: Connection, topic: str) -> list[tuple[int, str]]:
    query = (
        select(publication.c.as_of, publication.c.part)
        .where(publication.c.topic == topic, publication.c.state == PENDING)
        .order_by(publication.c.as_of)
        .limit(AT_ONCE)
    )
    return [(int(as_of.timestamp()), part) for as_of, part in connection.execute(query)]


def _start_offsets(store: Store, config: ClientConfig, topic: str, as_of: int, part: str) -> dict[int, int]:
    """The topic's end offsets from before the first message, asked for once and kept."""
    found = store.read(lambda connection: find_publication(connection, topic, as_of, part))
    if found and found["start_offsets"]:
        return {int(partition): offset for partition, offset in found["start_offsets"].items()}
    offsets = end_offsets(config, topic)
    named = {str(partition): offset for partition, offset in offsets.items()}
    _save(store, topic, as_of, part, start_offsets=named)
    return offsets


def _save(store: Store, topic: str, as_of: int, part: str, **fields: object) -> None:
    fields["updated_at"] = datetime.now(UTC)
    store.transact(lambda connection: save_publication(connection, topic, as_of, part, **fields))
