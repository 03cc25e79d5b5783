"""Tables of others: read by key, and written so that writing twice is writing once.

Their names come from people. A name is a plain identifier, and a table is known by what the database says
about it; no text of anybody becomes SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Integer, MetaData, Table, func, inspect, select

from foresight.errors import FinalError, NotFound
from foresight.store.column_types import Body, Name
from foresight.store.merging import insert_or_merge
from foresight.store.tables.base import Merge, key, may, must, table_options

IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
SINK_KEY: Final = ("stream", "position")
_ROWS_AT_ONCE: Final = 500


class InvalidTable(FinalError):
    """A table that cannot be read or written as asked."""


def checked_identifier(name: str) -> str:
    """The name. Raises ``InvalidTable`` for what is none."""
    if not IDENTIFIER.fullmatch(name):
        raise InvalidTable(f"{name!r:.80} is no name of a table: letters, digits and '_', 64 at most")
    return name


def find_table(connection: Connection, name: str) -> Table | None:
    """A table or view as the database describes it; None where there is none."""
    inspector = inspect(connection)
    if not inspector.has_table(checked_identifier(name)):
        return None
    return Table(name, MetaData(), autoload_with=connection)


def keyed_table(connection: Connection, name: str) -> Table:
    """A table whose rows have one whole number as their key.

    Raises ``NotFound``, and ``InvalidTable`` for another key: only numbers say what comes next.
    """
    table = find_table(connection, name)
    if table is None:
        raise NotFound(f"there is no table {name!r}")
    columns = list(table.primary_key)
    if len(columns) != 1 or not isinstance(columns[0].type, Integer):
        shown = ", ".join(f"{column.name} {column.type}" for column in columns) or "none"
        raise InvalidTable(f"table {name} must have one whole number as its primary key; it has {shown}")
    return table


def key_of(table: Table) -> Column[Any]:
    """The column of the key."""
    (column,) = table.primary_key
    return column


def last_key(connection: Connection, table: Table) -> int | None:
    """The largest key, None of an empty table. Raises ``InvalidTable`` where one is below 0."""
    low, high = connection.execute(select(func.min(key_of(table)), func.max(key_of(table)))).one()
    if low is not None and low < 0:
        raise InvalidTable(f"table {table.name} has keys below 0, such as {low}: rows are read from 0 on")
    return None if high is None else int(high)


def read_rows(
    connection: Connection, table: Table, start: int, until: int, limit: int | None
) -> list[tuple[int, dict[str, Any]]]:
    """Keys and rows from ``start`` to before ``until``, by key, ``limit`` of them at most.

    A row may be committed after one with a larger key. So the read locks what it finds, which waits for rows
    that are being inserted in between. Call it in ``Store.read`` without ``at_one_moment``.
    """
    column = key_of(table)
    query = select(table).where(column >= start, column < until).order_by(column).limit(limit)
    query = query.with_for_update(read=True)
    return [(int(row[column.name]), dict(row)) for row in connection.execute(query).mappings()]


def open_sink(connection: Connection, name: str) -> Table:
    """The table that takes scored records; made where there is none.

    Raises ``InvalidTable`` where it is there with another key than stream and position.
    """
    table = find_table(connection, name)
    if table is None:
        table = _sink(name)
        table.create(connection)
    found = tuple(column.name for column in table.primary_key)
    if found != SINK_KEY:
        shown = ", ".join(found) or "none"
        raise InvalidTable(f"table {name} must have the primary key {', '.join(SINK_KEY)}; it has {shown}")
    table.info["merge"] = Merge.OVERWRITE
    return table


def _sink(name: str) -> Table:
    return Table(
        name,
        MetaData(),
        key("stream", Name(512), "scoring_stream.stream that scored the record"),
        key("position", Name(64), "Where the record is in its source: partition:offset, key or number"),
        must("batch", Integer, "Number of the batch in its stream"),
        must("record", JSON(none_as_null=True), "The record as it came"),
        may("prediction", JSON(none_as_null=True), "Prediction: field and value; NULL of a bad record"),
        may("error", Body, "Why there is no prediction; NULL of a good record"),
        comment="Scored records",
        **table_options(None),
    )


def merge_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows that have all the same columns; a row whose key is there replaces it."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = [dict(row) for row in rows[start : start + _ROWS_AT_ONCE]]
        connection.execute(insert_or_merge(table, list(chunk[0]), connection.dialect.name), chunk)
