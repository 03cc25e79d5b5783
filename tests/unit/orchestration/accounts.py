"""An oracle: what must be stored of messages, row by row, and set aside, from what reading them says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from foresight.conventions import PERFORMANCE_TOPIC
from foresight.messaging import Received
from foresight.messaging.deadletters import PREFIX
from foresight.services.slices.events import measurement_of
from foresight.slices.events import read_message
from foresight.slices.measurements import Reading, merge
from foresight.store import Store
from foresight.store.slices import read_offsets
from foresight.store.tables import dead_letter, slice_measurement


def kind_of(reading: Reading) -> str:
    """What becomes of a message. Fails where it becomes nothing, or where its counts do not add up."""
    aside = sum(part.values for part in reading.rejected + reading.ignored)
    assert reading.values == reading.stored_values + aside, reading
    if reading.rejected:
        return "dead_lettered_in_part" if reading.stored_values else "dead_lettered"
    if reading.stored_values:
        return "stored"
    assert reading.ignored, reading
    return "left_out_by_intent"


def check_accounts(
    store: Store, sent: Sequence[Received], offsets: dict[int, int], told: Sequence[Received]
) -> tuple[int, int]:
    """All that ``sent`` says is stored, nothing else is, and ``told`` are its letters; rows and letters."""
    assert store.read(lambda connection: read_offsets(connection, PERFORMANCE_TOPIC)) == offsets
    readings = {
        message.origin: read_message(
            message.value,
            clock=None if message.timestamp_ms is None else message.timestamp_ms / 1000,
            partition=message.partition,
            offset=message.offset,
        )
        for message in sent
    }
    expected = merge(record for reading in readings.values() for record in reading.records)
    query = select(slice_measurement).order_by(*slice_measurement.primary_key)
    rows = store.read(lambda connection: connection.execute(query).all())
    assert [measurement_of(row) for row in rows] == expected
    spoilt = {origin: reading for origin, reading in readings.items() if reading.rejected}
    letters = store.read(lambda connection: connection.execute(select(dead_letter)).all())
    for row in letters:
        reading = spoilt[f"{row.topic}:{row.partition_number}:{row.message_offset}"]
        rejected = sum(part.values for part in reading.rejected)
        counted = row.n_values, row.n_stored, row.n_rejected
        assert counted == (reading.values, reading.stored_values, rejected)
        assert all(f"{part.reason} " in row.reason for part in reading.rejected[:3])
    assert len(letters) == len(spoilt)
    assert sorted(map(_origin, told)) == sorted(spoilt)
    return len(rows), len(letters)


def _origin(letter: Received) -> str:
    """Where a dead letter says that it comes from."""
    headers = dict(letter.headers)
    return ":".join((headers[f"{PREFIX}{name}"] or b"").decode() for name in ("topic", "partition", "offset"))
