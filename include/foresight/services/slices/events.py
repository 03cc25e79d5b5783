"""From the topic into the store: measurements, offsets and dead letters, all in one transaction."""

from __future__ import annotations

import logging
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, PERFORMANCE_TOPIC
from foresight.messaging import ClientConfig, Drained, Message, Received, dead_letter, drain, ensure_topic
from foresight.messaging.deadletters import MAX_VALUE_BYTES, PREFIX
from foresight.services.publications import open_publication
from foresight.slices.events import read_message
from foresight.slices.measurements import FAILURES, OLDEST, Measurement, Origin, Reading, Value, merge
from foresight.slices.sharing import Sharing
from foresight.store import Store
from foresight.store import tables as stored
from foresight.store.slices import (
    EVENTS_LOCK,
    letters_of,
    measurements_at,
    next_batch,
    read_offsets,
    read_topic_id,
    save_offsets,
    save_rows,
)

log = logging.getLogger(__name__)
Counts = Counter[str]

PART: Final = "events"
AT_ONCE: Final = 20_000
"""Most messages in one transaction."""
ROUNDS: Final = 1_000
"""Most drains of one run: what is left waits for the next."""
MOST_WAITS: Final = 5
"""How often a run waits for more: where events never cease, cells are decided on all the same."""


def receive(
    store: Store,
    config: ClientConfig,
    at: int,
    settle_seconds: float = 0.0,
    counter_names: Mapping[int, str] | None = None,
) -> Counts:
    """Reads the topic from where it was read to, until nothing more comes; says what there was.

    After a drain that brought something the topic is looked at again ``settle_seconds`` later: units that
    report at the same time shall be in the same message. ``at``: instant of the run, epoch seconds.
    ``counter_names``: names of the counters that events give as numbers.
    """
    counts, waits = Counts(), 0
    if not store.read(lambda connection: read_offsets(connection, PERFORMANCE_TOPIC)):
        ensure_topic(config, PERFORMANCE_TOPIC)
    for _ in range(ROUNDS):
        offsets = store.read(lambda connection: read_offsets(connection, PERFORMANCE_TOPIC))
        identity = store.read(lambda connection: read_topic_id(connection, PERFORMANCE_TOPIC))
        drained = drain(config, PERFORMANCE_TOPIC, offsets, topic_id=identity, max_messages=AT_ONCE)
        if drained.offsets != offsets or drained.topic_id not in {None, identity}:
            counts += take(store, drained, offsets, at, counter_names)
        waits += not drained.remaining
        if not drained.messages or waits > MOST_WAITS:
            break
        if not drained.remaining:
            time.sleep(settle_seconds)
    return counts


def take(
    store: Store,
    drained: Drained,
    before: Mapping[int, int],
    at: int,
    counter_names: Mapping[int, str] | None = None,
) -> Counts:
    """Stores what was drained from the offsets ``before`` on, unless somebody else did so meanwhile."""
    now = time.time()
    read = [(message, _read(message, now, counter_names)) for message in drained.messages]
    records = merge(record for _, reading in read for record in reading.records)
    letters = [letter for message, reading in read if (letter := _letter(message, reading)) is not None]

    def work(connection: Connection) -> bool:
        if read_offsets(connection, PERFORMANCE_TOPIC) != dict(before):
            return False
        save_offsets(connection, PERFORMANCE_TOPIC, drained.offsets, at, drained.topic_id)
        save_measurements(connection, records)
        if letters:
            batch = next_batch(connection, [PERFORMANCE_DEAD_LETTER_TOPIC], at)
            save_rows(connection, stored.dead_letter, [letter | {"as_of": batch} for letter in letters])
            open_publication(connection, PERFORMANCE_DEAD_LETTER_TOPIC, batch, PART, is_wanted=True)
        return True

    if not store.transact(work, lock=EVENTS_LOCK):
        log.info("somebody else has read from %s meanwhile: %d messages", dict(before), len(read))
        return Counts()
    counts = Counts(
        messages=len(read), records=len(records), letters=len(letters), gaps=len(drained.gaps),
        values=sum(reading.values for _, reading in read),
        stored_values=sum(reading.stored_values for _, reading in read),
    )  # fmt: skip
    log.info("%s", dict(counts))
    return counts


def _read(message: Received, now: float, counter_names: Mapping[int, str] | None) -> Reading:
    """What a message says. The clock is its own time, not the event's, and never later than now."""
    sent = now if message.timestamp_ms is None else message.timestamp_ms / 1000
    return read_message(
        message.value,
        clock=min(sent, now),
        partition=message.partition,
        offset=message.offset,
        counter_names=counter_names,
    )


def save_measurements(connection: Connection, records: Sequence[Measurement]) -> None:
    """Merges records with those that are stored: the newest value of each counter is kept."""
    starts = sorted({record.period_start for record in records})
    wanted = {record.key[1:] for record in records}  # all slices of a cell: they share its failures
    held = (measurement_of(row) for row in measurements_at(connection, starts))
    merged = merge([*records, *(record for record in held if record.key[1:] in wanted)])
    save_rows(connection, stored.slice_measurement, map(_row, merged))


def measurement_of(row: Any) -> Measurement:
    """A stored row as a record. A row of an older version has no origins: any event is newer."""
    fields = dict(row._mapping)
    counters, is_suspect = fields.pop("counters"), fields.pop("is_suspect")
    values = {name: _value(*each) for name, each in counters.items()}
    if not values:
        given = {"requests": row.requests, "successes": row.successes, f"{FAILURES}0": row.failures}
        values = {name: Value(n, OLDEST, is_suspect) for name, n in given.items() if n is not None}
    return Measurement(**{
        **fields,
        "period_start": int(row.period_start.timestamp()),
        "sharing": Sharing(row.sharing),
        "values": values,
    })  # fmt: skip


def _value(number: float, origin: Sequence[int], is_suspect: bool, slices: Sequence[str]) -> Value:
    return Value(number, Origin(*origin), is_suspect, tuple(slices))


def _row(record: Measurement) -> dict[str, Any]:
    counters = {
        name: [value.number, list(value.origin), value.is_suspect, list(value.slices)]
        for name, value in record.values.items()
    }
    names = set(stored.slice_measurement.columns.keys()) - {"counters"}
    row = {name: getattr(record, name) for name in names}
    return row | {"sharing": str(record.sharing), "counters": counters}


def _letter(message: Received, reading: Reading) -> dict[str, Any] | None:
    """The row of a message that could not be read, or not all of it."""
    if not reading.rejected:
        return None
    reasons = [f"{each.reason} {each.path}: {each.detail}" for each in reading.rejected]
    return {
        "topic": message.topic,
        "partition_number": message.partition,
        "message_offset": message.offset,
        "reason": "; ".join(reasons)[:4000],
        "n_values": reading.values,
        "n_stored": reading.stored_values,
        "n_rejected": sum(each.values for each in reading.rejected),
        "timestamp_ms": message.timestamp_ms,
        "message_key": _text(message.key),
        "message_value": _text(message.value and message.value[: MAX_VALUE_BYTES + 1]),
        "value_bytes": None if message.value is None else len(message.value),
        "headers": [[name, _text(value)] for name, value in message.headers],
    }


def letter_messages(store: Store, as_of: int) -> Iterator[Message]:
    """The dead letters of a batch as they go to their topic."""
    for row in store.read(lambda connection: letters_of(connection, as_of)):
        value = _bytes(row.message_value)
        headers = tuple((name, _bytes(text)) for name, text in row.headers or ())
        received = Received(
            row.topic, row.partition_number, row.message_offset, row.timestamp_ms,
            _bytes(row.message_key), value, headers,
        )  # fmt: skip
        letter = dead_letter(received, row.reason)
        yield letter._replace(headers=tuple(_whole(header, row.value_bytes) for header in letter.headers))


def _whole(header: tuple[str, bytes | None], n_bytes: int | None) -> tuple[str, bytes | None]:
    """The header that says what the value was cut from: of the message, not of what is stored of it."""
    return (header[0], str(n_bytes).encode()) if header[0] == f"{PREFIX}cut-from" else header


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def records_in(messages: Iterable[bytes]) -> tuple[list[Measurement], Counts]:
    """What messages say, merged, without any store; and how many of their values could not be read."""
    readings = [read_message(message) for message in messages]
    reasons = Counts()
    for reading in readings:
        for each in reading.rejected:
            reasons[each.reason] += max(each.values, 1)
    return merge(record for reading in readings for record in reading.records), reasons
