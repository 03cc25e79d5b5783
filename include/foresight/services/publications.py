"""Announcing what was persisted: each message once, whatever was killed on the way.

A publication is a row: ``pending`` from the moment that the results are complete, with the topic's end
offsets from the moment before its first message, ``published`` when every message is confirmed. A run
sends whatever is pending, its own interval and those that an earlier run could not send. An interval that
has something else to say than was published is pending again, from the same offsets: only what is missing
goes out. What is to be said is known by a hash, ``content``, so a run that has sent one content does not
close a publication that has got another meanwhile.

What cannot be sent at all is set aside with its reason: a message that no broker takes, or a publication
whose messages cannot be made. It stays so until somebody requeues or abandons it; see ``services.upkeep``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from foresight.errors import BrokerRefused, ForesightError, MessageRejected, NotFound, TransientError
from foresight.grid import whole_seconds
from foresight.messaging import (
    ClientConfig,
    Message,
    Publication,
    PublicationLost,
    end_offsets,
    ensure_topic,
    is_another,
    publish,
    topic_id,
    topic_of_ours,
)
from foresight.store import Store, find_publication, save_publication
from foresight.store.tables import publication

log = logging.getLogger(__name__)
PENDING, PUBLISHED, SKIPPED = "pending", "published", "skipped"
SET_ASIDE, ABANDONED = "set_aside", "abandoned"
MAX_REFUSED = 100
"""Most messages of one publication that are left out; one with more is set aside as a whole."""
MAX_REASON = 4000
"""Longest reason that is kept, in characters."""
AT_ONCE = 100
"""Most intervals that one run catches up on."""
LOCK = "publication"
"""Whoever changes a publication holds this lock: what is written depends on what is stored."""
WHOLE = "all"
"""The part of a publication that says all of its interval."""


def open_publication(
    connection: Connection,
    topic: str,
    as_of: int,
    part: str,
    *,
    is_wanted: bool,
    content: str | None = None,
) -> None:
    """Notes that an interval is to be announced, or that nobody wants it to be; never takes a word back.

    Call it in a transaction that holds ``LOCK``. ``content`` is a hash of what there is to say now: a
    publication that is done with another one, or was set aside with another one, is pending again.
    """
    found = find_publication(connection, topic, as_of, part)
    is_other = found is not None and content is not None and content != found["content"]
    new: dict[str, Any]
    if found is None:
        new = {"state": PENDING if is_wanted else SKIPPED, "n_messages": 0}
    elif is_wanted and (found["state"] == SKIPPED or (is_other and found["state"] in {PUBLISHED, SET_ASIDE})):
        new = {"state": PENDING, "n_attempts": None, "reason": None}
    elif is_other and found["state"] in {PENDING, SKIPPED}:
        new = {}
    else:
        return
    if content is not None:
        new["content"] = content
    save_publication(connection, topic, as_of, part, **new, updated_at=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Said:
    """The messages of a publication, and the hash of what they say.

    Where what is stored may change and change back while a run sends, the hash tells that these messages are
    not those that the publication was opened for: then it stays pending. None where that cannot be.
    """

    messages: Iterable[Message]
    content: str | None = None


Messages = Callable[[int], Iterable[Message] | Said]
"""Makes the messages of an as-of from what is stored, the same ones as long as that is the same."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A publication as it stood when it was taken up."""

    topic: str
    as_of: int
    part: str
    content: str | None

    @property
    def batch(self) -> str:
        return f"{self.topic}/{self.as_of}/{self.part}"

    def is_another(self, content: str | None) -> bool:
        """Whether it was opened for something else to say, where both are known."""
        return None not in {content, self.content} and content != self.content


def publish_pending(store: Store, kafka: ClientConfig, topic: str, messages: Messages) -> dict[str, int]:
    """Sends every pending publication of a topic and says how many messages each has.

    Those that failed least often come first, the oldest of them first. What cannot be sent does not keep the
    others back: it is set aside, or tried again by a later run where the world failed. The first error is
    raised when all were tried; one that is set aside is raised by this run only.
    """
    waiting = store.read(lambda connection: _pending(connection, topic))
    if waiting:
        ensure_topic(kafka, topic_of_ours(kafka, topic))
    sent: dict[str, int] = {}
    failed: list[Exception] = []
    for one in waiting:
        try:
            sent[one.batch] = _publish(store, kafka, one, messages)
        except Exception as error:
            log.exception("%s", one.batch)
            failed.append(error)
            _note_failure(store, one, error)
    n_set_aside = store.read(lambda connection: _count(connection, topic, SET_ASIDE))
    if n_set_aside:
        log.warning(
            "topic %s: %d publications are set aside: `foresight publications list`", topic, n_set_aside
        )
    if failed:
        raise failed[0]
    return sent


def _publish(store: Store, kafka: ClientConfig, one: _Waiting, messages: Messages) -> int:
    """Sends a publication, but for messages that no broker takes; answers how many are on the topic."""
    publication_of = _start(store, kafka, one)
    refused: dict[str, str] = {}
    while True:
        said = _said(messages, one)
        rest = (message for message in said.messages if message.id not in refused)
        try:
            delivered = publish(kafka, topic_of_ours(kafka, one.topic), rest, publication_of)
            break
        except MessageRejected as error:
            if error.refused is None or len(refused) >= MAX_REFUSED:
                raise
            again = _said(messages, one).messages
            found = [m.id for m in again if (m.key, m.value) == error.refused]
            if not set(found) - refused.keys():
                raise
            refused |= dict.fromkeys(found, str(error))
            log.error("%s: left out: %s", one.batch, error)  # noqa: TRY400 - the next attempt says what is left
    log.info("%s: %d messages sent, %d were there", one.batch, delivered.sent, delivered.already_there)
    reason = "; ".join([f"{len(refused)} messages left out", *refused.values()]) if refused else None
    done = {"state": PUBLISHED, "n_messages": delivered.total, "reason": reason and reason[:MAX_REASON]}

    def finish(found: Mapping[str, Any]) -> dict[str, Any]:
        if found["state"] != PENDING:  # somebody has decided otherwise meanwhile
            return {}
        if found["content"] != one.content or one.is_another(said.content):
            log.info("%s: there is something else to say by now, which the next run does", one.batch)
            return {"n_messages": delivered.total}
        return done

    _update(store, one, finish)
    return delivered.total


def _said(messages: Messages, one: _Waiting) -> Said:
    found = messages(one.as_of)
    return found if isinstance(found, Said) else Said(found)


def _note_failure(store: Store, one: _Waiting, error: Exception) -> None:
    """Counts a failed attempt; what no later attempt can mend is set aside.

    The world and the program may be mended, so what fails because of them stays pending.
    """
    may_pass = (
        not isinstance(error, ForesightError)
        or isinstance(error, TransientError | BrokerRefused)
        or (isinstance(error, NotFound) and not isinstance(error, PublicationLost))
    )

    def note(found: Mapping[str, Any]) -> dict[str, Any]:
        if found["state"] != PENDING:
            return {}
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        counted = {"n_attempts": (found["n_attempts"] or 0) + 1, "reason": reason}
        return counted if may_pass else counted | {"state": SET_ASIDE}

    try:
        _update(store, one, note)
    except ForesightError:
        log.exception("%s: the failure could not be noted", one.batch)


def _pending(connection: Connection, topic: str) -> list[_Waiting]:
    table = publication.c
    query = (
        select(table.as_of, table.part, table.content)
        .where(table.topic == topic, table.state == PENDING)
        .order_by(table.n_attempts, table.as_of)
        .limit(AT_ONCE)
    )
    return [
        _Waiting(topic, whole_seconds(row.as_of), row.part, row.content) for row in connection.execute(query)
    ]


def _count(connection: Connection, topic: str, state: str) -> int:
    query = select(func.count()).where(publication.c.topic == topic, publication.c.state == state)
    return int(connection.execute(query).scalar_one())


def _start(store: Store, kafka: ClientConfig, one: _Waiting) -> Publication:
    """The publication with the topic's end offsets from before its first message: those that came first.

    Offsets of a topic that is gone are replaced by those of the one that took its place.
    """
    topic = topic_of_ours(kafka, one.topic)
    identity = topic_id(kafka, topic)
    now = {str(partition): offset for partition, offset in end_offsets(kafka, topic).items()}

    def keep_the_first(found: Mapping[str, Any]) -> dict[str, Any]:
        held = found["start_offsets"]
        if held is None:
            return {"start_offsets": now, "topic_id": identity}
        if is_another(found["topic_id"], identity):
            log.warning("%s: the topic was made anew: all is sent to the new one", one.batch)
            return {"start_offsets": {}, "topic_id": identity}  # from its beginning
        return {"start_offsets": held, "topic_id": found["topic_id"] or identity}

    kept = _update(store, one, keep_the_first)
    offsets = {int(partition): offset for partition, offset in kept["start_offsets"].items()}
    return Publication(one.batch, offsets, kept["topic_id"])


def _update(
    store: Store, one: _Waiting, change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Changes a publication under its lock; answers what was written."""

    def work(connection: Connection) -> dict[str, Any]:
        found = find_publication(connection, one.topic, one.as_of, one.part)
        if found is None:
            raise NotFound(f"publication {one.batch} is gone: retention has taken it")
        fields = change(found)
        if fields:
            save_publication(
                connection, one.topic, one.as_of, one.part, **fields, updated_at=datetime.now(UTC)
            )
        return fields

    return store.transact(work, lock=LOCK)
