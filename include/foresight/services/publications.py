"""Announcing what was persisted: each message once, whatever was killed on the way.

A publication is a row: ``pending`` from the moment that the results are complete, with the topic's end
offsets from the moment before its first message, ``published`` when every message is confirmed. A run
sends whatever is pending, its own interval and those that an earlier run could not send. An interval that
has more to say than was published is pending again, from the same offsets: only what is missing goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from foresight.errors import ForesightError
from foresight.grid import whole_seconds
from foresight.messaging import ClientConfig, Message, Publication, end_offsets, ensure_topic, publish
from foresight.store import Store, find_publication, save_publication
from foresight.store.tables import publication

log = logging.getLogger(__name__)
PENDING, PUBLISHED, SKIPPED = "pending", "published", "skipped"
AT_ONCE = 100
"""Most intervals that one run catches up on."""
LOCK = "publication"
"""Whoever changes a publication holds this lock: what is written depends on what stands."""
WHOLE = "all"
"""The part of a publication that says all of its interval."""


def open_publication(
    connection: Connection,
    topic: str,
    as_of: int,
    part: str,
    *,
    is_wanted: bool,
    n_expected: int | None = None,
) -> None:
    """Notes that an interval is to be announced, or that nobody wants it to be; never takes a word back.

    Call it in a transaction that holds ``LOCK``. ``n_expected`` is how many messages there are to send now: a
    publication that is done with another number is pending again.
    """
    found = find_publication(connection, topic, as_of, part)
    if found is None:
        new = {"state": PENDING if is_wanted else SKIPPED, "n_messages": 0}
    elif is_wanted and (
        found["state"] == SKIPPED
        or (found["state"] == PUBLISHED and n_expected not in {None, found["n_messages"]})
    ):
        new = {"state": PENDING}
    else:
        return
    save_publication(connection, topic, as_of, part, **new, updated_at=datetime.now(UTC))


def publish_pending(
    store: Store, kafka: ClientConfig, topic: str, messages: Callable[[int], Iterable[Message]]
) -> dict[str, int]:
    """Sends every pending publication of a topic, oldest first, and says how many messages each has.

    ``messages`` makes those of an as-of from what is stored, the same ones whenever it is asked. What cannot
    be sent does not keep the others back; the first error is raised when all were tried.
    """
    waiting = store.read(lambda connection: _pending(connection, topic))
    if waiting:
        ensure_topic(kafka, topic)
    sent: dict[str, int] = {}
    failed: list[ForesightError] = []
    for as_of, part in waiting:
        batch = f"{topic}/{as_of}/{part}"
        try:
            offsets = _start_offsets(store, kafka, topic, as_of, part)
            delivered = publish(kafka, topic, messages(as_of), Publication(batch, offsets))
        except ForesightError as error:
            log.exception("%s", batch)
            failed.append(error)
            continue
        log.info("%s: %d messages sent, %d were there", batch, delivered.sent, delivered.already_there)
        done = {"state": PUBLISHED, "n_messages": delivered.total}
        _update(store, topic, as_of, part, lambda _, done=done: done)  # type: ignore[misc]
        sent[batch] = delivered.total
    if failed:
        raise failed[0]
    return sent


def _pending(connection: Connection, topic: str) -> list[tuple[int, str]]:
    query = (
        select(publication.c.as_of, publication.c.part)
        .where(publication.c.topic == topic, publication.c.state == PENDING)
        .order_by(publication.c.as_of)
        .limit(AT_ONCE)
    )
    return [(whole_seconds(as_of), part) for as_of, part in connection.execute(query)]


def _start_offsets(store: Store, config: ClientConfig, topic: str, as_of: int, part: str) -> dict[int, int]:
    """The topic's end offsets from before the first message: those of whoever came first, for good."""
    now = {str(partition): offset for partition, offset in end_offsets(config, topic).items()}

    def keep_the_first(found: Mapping[str, Any]) -> dict[str, Any]:
        return {"start_offsets": found["start_offsets"] or now}

    kept = _update(store, topic, as_of, part, keep_the_first)["start_offsets"]
    return {int(partition): offset for partition, offset in kept.items()}


def _update(
    store: Store, topic: str, as_of: int, part: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Changes a publication as it stands, with nobody in between; answers what was written."""

    def work(connection: Connection) -> dict[str, Any]:
        fields = change(find_publication(connection, topic, as_of, part) or {})
        save_publication(connection, topic, as_of, part, **fields, updated_at=datetime.now(UTC))
        return fields

    return store.transact(work, lock=LOCK)
