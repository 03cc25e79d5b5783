"""Whether two databases, or one at two times, hold the same rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, func, select

from foresight.grid import whole_seconds
from foresight.store.engine import to_json
from foresight.store.reading import read_columns

_ROWS_AT_ONCE: Final = 10_000


def count_rows(connection: Connection, table: Table, as_of: int | None = None) -> int:
    """How many rows a table has, in all or at one ``as_of``."""
    query = select(func.count()).select_from(table)
    if as_of is not None:
        query = query.where(table.c.as_of == as_of)
    return int(connection.execute(query).scalar_one())


def checksum(connection: Connection, table: Table, without: Collection[str] = ()) -> str:
    """32 hexadecimal digits that say what rows a table has, whatever their order and whatever the database.

    ``without``: columns that are not compared, such as the clock of whoever wrote a row.

    The sum of the BLAKE2b hashes of all rows modulo 2**128: equal sums mean equal tables.
    """
    total = 0
    columns = [column for column in table.c if column.name not in without]
    rows = connection.execute(select(*columns), execution_options={"yield_per": _ROWS_AT_ONCE})
    for row in rows:
        digest = blake2b(to_json(list(map(_plain, row))).encode(), digest_size=16).digest()
        total += int.from_bytes(digest, "big")
    return f"{total % 2**128:032x}"


def content_of(connection: Connection, query: Select[Any]) -> str:
    """32 hexadecimal digits that say what rows a query finds, whatever their order; see ``checksum``.

    Of instants, ask for their ``epoch``.
    """
    return content_of_rows(zip(*read_columns(connection, query), strict=True))


def content_of_rows(rows: Iterable[Sequence[Any]]) -> str:
    """The same of rows of plain values."""
    total = 0
    for row in rows:
        total += int.from_bytes(blake2b(to_json(list(row)).encode(), digest_size=16).digest(), "big")
    return f"{total % 2**128:032x}"


def _plain(value: Any) -> Any:
    return whole_seconds(value) if isinstance(value, datetime) else value
