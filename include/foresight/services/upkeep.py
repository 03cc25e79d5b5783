"""What operators do by hand with publications, streams and dead letters; each change keeps its reason."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from foresight.errors import FinalError, NotFound
from foresight.instants import iso
from foresight.messaging import ClientConfig, Message, Publication, end_offsets, publish, topic_id
from foresight.services.publications import ABANDONED, LOCK, PENDING, PUBLISHED, SET_ASIDE, WHOLE
from foresight.store import Store, find_publication, save_publication
from foresight.store.models import Change
from foresight.store.scoring import SCORING_LOCK, SOURCE, close_batch, find_stream, restart_stream
from foresight.store.slices import EVENTS_LOCK, read_offsets, read_topic_id, save_offsets
from foresight.store.upkeep import DEAD_LETTER, PUBLICATION, STREAM, check_reason, find_dead_letter, record

BEGINNING: Final = "beginning"
END: Final = "end"


def requeue_publication(store: Store, topic: str, as_of: int, change: Change, part: str = WHOLE) -> None:
    """Makes a publication pending again, as when it was opened: the next run sends what is missing of it.

    One that lost its offsets (retention took the messages they point to) is sent whole, from new offsets.
    Raises ``NotFound``, and ``FinalError`` for one that was published.
    """
    _change_publication(store, topic, as_of, part, change, "requeued", {
        "state": PENDING, "n_attempts": None, "reason": None,
    })  # fmt: skip


def abandon_publication(store: Store, topic: str, as_of: int, change: Change, part: str = WHOLE) -> None:
    """Gives a publication up: no run sends it any more. Raises as ``requeue_publication`` does."""
    _change_publication(store, topic, as_of, part, change, "abandoned", {"state": ABANDONED})


def _change_publication(
    store: Store, topic: str, as_of: int, part: str, change: Change, action: str, fields: Mapping[str, Any]
) -> None:
    def work(connection: Connection) -> None:
        found = find_publication(connection, topic, as_of, part)
        subject = f"{topic}/{iso(as_of)}/{part}"
        if found is None:
            raise NotFound(
                f"there is no publication {subject}: `foresight publications list` shows what there is"
            )
        if found["state"] == PUBLISHED:
            raise FinalError(f"publication {subject} was published: there is nothing to be {action}")
        new = dict(fields)
        if found["state"] == SET_ASIDE and "PublicationLost" in (found["reason"] or ""):
            new |= {"start_offsets": None, "topic_id": None}
        save_publication(connection, topic, as_of, part, **new, updated_at=datetime.now(UTC))
        held = {name: found[name] for name in ("state", "n_attempts", "reason", "start_offsets")}
        record(connection, PUBLICATION, subject, action, change, held)

    store.transact(work, lock=LOCK)


def skip_batch(store: Store, stream: str, change: Change) -> int:
    """Closes the batch that a stream has under way without sending it; answers its number.

    What of it is on its outputs already stays there. Raises ``NotFound`` for a stream that there is not, and
    ``FinalError`` where no batch is under way.
    """

    def work(connection: Connection) -> int:
        held = find_stream(connection, stream)
        if held is None:
            raise NotFound(f"there is no stream {stream!r}: `foresight streams list` shows what there is")
        number = int(held.number)
        if not close_batch(connection, stream, number, change.at):
            raise FinalError(f"stream {stream} has no batch under way: there is nothing to skip")
        before = {"number": number, "offsets": held.offsets, "until": held.until}
        record(connection, STREAM, stream, "skipped", change, before)
        return number

    return store.transact(work, lock=SCORING_LOCK)


def reset_stream(
    store: Store, stream: str, change: Change, to: str, kafka: ClientConfig | None = None
) -> None:
    """Makes a stream go on from the beginning or the end of its source; a batch under way is given up.

    ``stream`` is the name of a scored stream, or ``kafka:TOPIC`` for a topic whose events are stored. The end
    is known of topics only, for which ``kafka`` says where they are. Raises ``NotFound``, ``FinalError``.
    """
    if to not in {BEGINNING, END}:
        raise FinalError(f"a stream is reset to its {BEGINNING} or its {END}, not to {to!r}")
    source = stream.partition(">")[0]
    topic = source.removeprefix("kafka:") if source.startswith("kafka:") else None
    if to == END and (topic is None or kafka is None):
        raise FinalError(f"the {END} of {source} is not known: only topics are reset to it")
    ends = end_offsets(kafka, topic) if to == END and kafka is not None and topic is not None else {}
    identity = topic_id(kafka, topic) if kafka is not None and topic is not None else None

    def work(connection: Connection) -> None:
        held = find_stream(connection, stream)
        if held is not None:
            offsets = {str(number): offset for number, offset in ends.items()}
            restart_stream(connection, stream, offsets, {SOURCE: identity}, change.at)
            before = {"number": held.number, "offsets": held.offsets, "until": held.until}
        elif topic is not None and (stored := read_offsets(connection, topic)):
            save_offsets(
                connection, topic, ends or dict.fromkeys(stored, 0), change.at,
                identity or read_topic_id(connection, topic),
            )  # fmt: skip
            before = {"offsets": {str(number): offset for number, offset in stored.items()}}
        else:
            raise NotFound(f"there is no stream {stream!r}: `foresight streams list` shows what there is")
        record(connection, STREAM, stream, "reset", change, before | {"to": to})

    is_scored = store.read(lambda connection: find_stream(connection, stream)) is not None
    store.transact(work, lock=SCORING_LOCK if is_scored else EVENTS_LOCK)


def requeue_dead_letter(
    store: Store, kafka: ClientConfig, topic: str, partition: int, offset: int, change: Change
) -> None:
    """Sends the original message to its topic once more, for a version that reads it by now.

    It keeps key, value and headers; its id is the origin, so consumers tell it from new ones. Raises
    ``NotFound``, and ``FinalError`` for one that is not kept whole.
    """
    row = store.read(lambda connection: find_dead_letter(connection, topic, partition, offset))
    check_reason(DEAD_LETTER, f"{topic}:{partition}:{offset}", change)
    value = None if row.message_value is None else b64decode(row.message_value)
    if len(value or b"") != (row.value_bytes or 0):
        raise FinalError(
            f"dead letter {topic}:{partition}:{offset} is not kept whole ({len(value or b'')} of "
            f"{row.value_bytes} bytes): send the message again from its source"
        )
    key = None if row.message_key is None else b64decode(row.message_key)
    headers = tuple((name, None if text is None else b64decode(text)) for name, text in row.headers or ())
    message = Message(f"{topic}:{partition}:{offset}", key, value, headers)
    batch = Publication(f"requeued/{message.id}/{change.at}", end_offsets(kafka, topic))
    # Recorded first: what is on the topic has its reason, whatever happens to this process.
    store.transact(
        lambda connection: record(
            connection, DEAD_LETTER, message.id, "requeued", change, {"reason": row.reason}
        ),
        lock=EVENTS_LOCK,
    )
    publish(kafka, topic, [message], batch)


def abandon_dead_letter(store: Store, topic: str, partition: int, offset: int, change: Change) -> None:
    """Notes that nobody needs to look at a dead letter any more. Raises ``NotFound``."""

    def work(connection: Connection) -> None:
        row = find_dead_letter(connection, topic, partition, offset)
        record(
            connection,
            DEAD_LETTER,
            f"{topic}:{partition}:{offset}",
            "abandoned",
            change,
            {"reason": row.reason},
        )

    store.transact(work, lock=EVENTS_LOCK)
