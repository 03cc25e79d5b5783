"""Tables as sources and sinks: ``table:NAME`` in the results database, ``table:CONNECTION/NAME`` elsewhere.

A source is read in the order of its key, which says how far it was scored. A sink has a row for each record,
under the stream and the position of the record in it, so that a repeated batch writes the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import JSON, Connection, DateTime, Table

from foresight.conventions import RESULTS_CONNECTION
from foresight.messaging import Message, Received
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.outcome import ERROR, PREDICTION, Record
from foresight.services.scoring.places import Offsets, Scored, write_file
from foresight.services.scoring.scorers import OpenDatabase
from foresight.store.engine import to_json
from foresight.store.outside import (
    checked_identifier,
    find_table,
    keyed_table,
    last_key,
    merge_rows,
    open_sink,
    read_rows,
)
from foresight.store.tables import metadata

TABLE: Final = "table:"
_CONNECTION: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
SINK_LOCK: Final = "scoring.sink"
"""Whoever makes a table for scored records holds this lock."""
_OURS: Final = frozenset({*metadata.tables, "alembic_version"})


def table_of(place: str) -> tuple[str, str] | None:
    """Connection and table that a place names, None for another place. Raises ``InvalidMapping``."""
    if not place.startswith(TABLE):
        return None
    connection, slash, name = place.removeprefix(TABLE).rpartition("/")
    if slash and not _CONNECTION.fullmatch(connection):
        raise InvalidMapping(f"{place}: use table:NAME or table:CONNECTION/NAME")
    return connection or RESULTS_CONNECTION, checked_identifier(name)


class TableSource:
    """Rows of a table as records, by their key: a topic with one partition whose offsets may have gaps."""

    reads_text = False

    def __init__(self, open_database: OpenDatabase, place: str) -> None:
        """Raises ``NotFound``, and ``InvalidTable`` for a table without a whole number as its key."""
        found = table_of(place)
        assert found is not None  # noqa: S101 (the caller asked)
        self._store, self._name = open_database(found[0]), found[1]
        self._table: Table = self._store.read(lambda connection: keyed_table(connection, self._name))

    def ends(self) -> Offsets:
        """Behind the largest key."""
        last = self._store.read(lambda connection: last_key(connection, self._table))
        return {0: 0 if last is None else last + 1}

    def identity(self) -> str | None:
        """Not known: a table made anew looks like the one before."""
        return None

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Any], Offsets]:
        """Keys and rows from ``start`` to ``until``; see ``Source``."""
        first, last = start.get(0, 0), until[0]
        items = self._store.read(
            lambda connection: read_rows(connection, self._table, first, last, limit), at_one_moment=False
        )
        is_part = limit is not None and len(items) == limit
        return items, {0: items[-1][0] + 1 if is_part else last}

    def records(self, items: Sequence[tuple[int, Mapping[str, Any]]]) -> list[Any]:
        """The rows, with values that JSON has."""
        return [{name: _plain(value) for name, value in row.items()} for _, row in items]

    def messages(self, scored: Iterable[Scored]) -> Iterator[Message]:
        """The key of a row names its message, and is its key."""
        return (Message(str(key), str(key).encode(), value) for (key, _), _, value in scored)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return sorted(value) if isinstance(value, set) else value


def check_sink(place: str) -> None:
    """Raises ``InvalidMapping`` for a place that names a table of Foresight's own, or no table."""
    found = table_of(place)
    if found is not None and found[1].lower() in _OURS:
        raise InvalidMapping(f"{place} is a table of Foresight's own: name another one")


def prepare_sink(open_database: OpenDatabase, place: str) -> None:
    """Makes the table where there is none. Raises ``InvalidTable`` where it cannot take scored records."""
    found = table_of(place)
    if found is None:
        return
    name = found[1]
    store = open_database(found[0])
    if store.read(lambda connection: find_table(connection, name)) is None:
        store.transact(lambda connection: open_sink(connection, name), lock=SINK_LOCK)
    store.read(lambda connection: open_sink(connection, name))


def write_part(
    open_database: OpenDatabase, place: str, scored: Iterable[Scored], batch: int, stream: str
) -> None:
    """The records of a batch into a table, or a file of its own; written again, they replace themselves."""
    found = table_of(place)
    if found is None:
        write_file(place, scored, batch)
        return
    name = found[1]

    values = [_values(item, record, batch, stream) for item, record, _ in scored if record is not None]

    def work(connection: Connection) -> None:
        table = open_sink(connection, name)
        known = set().union(*values)
        columns = [column for column in table.columns if column.name in known]
        rows = [{c.name: _stored(one.get(c.name), c.type) for c in columns} for one in values]
        merge_rows(connection, table, rows)

    open_database(found[0]).transact(work)


def _values(item: Any, record: Record, batch: int, stream: str) -> dict[str, Any]:
    """What a table may have columns for: ours, and the fields of the prediction and of the record."""
    prediction = record.get(PREDICTION)
    given = {name: value for name, value in record.items() if name not in {PREDICTION, ERROR}}
    fields = {**given, **(prediction if isinstance(prediction, Mapping) else {})}
    return fields | {
        "stream": stream, "position": _position(item), "batch": batch,
        "record": given, "prediction": prediction, "error": record.get(ERROR),
    }  # fmt: skip


def _position(item: Any) -> str:
    return f"{item.partition}:{item.offset}" if isinstance(item, Received) else str(item[0])


def _stored(value: Any, kind: Any) -> Any:
    """A value as the column takes it; what JSON cannot hold is a text in it."""
    if isinstance(kind, JSON):
        try:
            to_json(value)
        except (TypeError, ValueError):
            return _spelled(value)
        return value
    if isinstance(value, dict | list):
        return orjson.dumps(_spelled(value)).decode()
    if isinstance(kind, DateTime) and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_text(name): _spelled(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(inner) for inner in value]
    if value is None or isinstance(value, bool | float):
        return value
    return value if isinstance(value, int) and value.bit_length() < 64 else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 10_000:
        return f"an integer of {value.bit_length()} bits"
    return str(value).encode("utf-8", "replace").decode()
