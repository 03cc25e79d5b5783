"""A stream dealt out by partition: a row of its own for each, so that several tasks score side by side.

A stream has either one row or one for each partition, never both: offsets stand in one place only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select

from foresight.store.bulk import upsert
from foresight.store.scoring import SOURCE, find_stream
from foresight.store.tables import scoring_stream

PART: Final = re.compile(r"#(\d+)$")
"""How the name of a part ends."""


def part_name(stream: str, partition: int) -> str:
    """The name of the row of one partition."""
    return f"{stream}#{partition}"


def find_parts(connection: Connection, stream: str) -> dict[int, Row[Any]]:
    """The rows of a stream that is dealt out, by partition; none for one that is not."""
    column = scoring_stream.c.stream
    query = select(scoring_stream).where(column.startswith(f"{stream}#", autoescape=True))
    found = {}
    for row in connection.execute(query):
        match = PART.fullmatch(row.stream[len(stream) :])
        if match is not None and row.stream.startswith(stream):
            found[int(match[1])] = row
    return found


def split_stream(connection: Connection, stream: str, partitions: Iterable[int], at: int) -> bool:
    """Gives each partition a row that goes on where the stream is. False while a batch of it is under way."""
    held, parts = find_stream(connection, stream), find_parts(connection, stream)
    if held is not None and held.until is not None:
        return False
    offsets = {} if held is None else {int(number): at for number, at in held.offsets.items()}
    for number in {*partitions, *offsets} - parts.keys():
        _save(
            connection, part_name(stream, number), 1 if held is None else held.number,
            {str(number): offsets[number]} if number in offsets else {},
            {} if held is None else held.topic_ids or {}, at,
        )  # fmt: skip
    connection.execute(delete(scoring_stream).where(scoring_stream.c.stream == stream))
    return True


def join_stream(connection: Connection, stream: str, identity: str | None, at: int) -> bool:
    """Makes one row of those of the partitions again. False while a batch of one is under way.

    ``identity`` is that of the source: where a partition stands in another one of its name says nothing.
    """
    parts = find_parts(connection, stream)
    if any(row.until is not None for row in parts.values()):
        return False
    if not parts:
        return True
    mine = [row for row in parts.values() if (row.topic_ids or {}).get(SOURCE) in {None, identity}]
    offsets = {number: offset for row in mine for number, offset in row.offsets.items()}
    number = max(row.number for row in parts.values())  # no batch of before can be taken for one that comes
    names = [row.stream for row in parts.values()]
    connection.execute(delete(scoring_stream).where(scoring_stream.c.stream.in_(names)))
    _save(connection, stream, number, offsets, {SOURCE: identity}, at)
    return True


def _save(connection: Connection, stream: str, number: int, offsets: Any, topic_ids: Any, at: int) -> None:
    row = {
        "stream": stream, "number": number, "offsets": offsets, "until": None, "model_name": None,
        "model_version": None, "plan": None, "updated_at": at, "topic_ids": topic_ids,
    }  # fmt: skip
    upsert(connection, scoring_stream, {name: [value] for name, value in row.items()})
