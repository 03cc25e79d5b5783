"""Reading many rows fast: drivers in Python take rows one by one, so MySQL is asked to put many into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, Connection, Select, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from foresight.store.engine import is_mysql


class epoch(FunctionElement[int]):  # noqa: N801 - it reads as the SQL function that it is
    """Epoch seconds of an instant that is stored."""

    type = BigInteger()
    inherit_cache = True


@compiles(epoch, "mysql", "mariadb")
def _epoch_mysql(element: epoch, compiler: Any, **options: Any) -> str:
    return f"UNIX_TIMESTAMP({compiler.process(element.clauses, **options)})"


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: epoch, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


def read_columns(connection: Connection, query: Select[Any]) -> list[list[Any]]:
    """The columns of the result, one list each, row ``i`` of all of them belonging together.

    Numbers, text and truth values come as they are; of an instant, ask for its ``epoch``. The order of rows
    is left open. On MySQL they come as one JSON array a column, which keeps every digit of a double, as long
    as that fits into ``max_allowed_packet``: so ask for some 10,000 rows at a time.
    """
    return _read_packed(connection, query) or _read_plain(connection, query)


def unpacked(texts: Sequence[str | None], n_rows: int) -> list[list[Any]] | None:
    """JSON arrays of ``n_rows`` values each; None where ``max_allowed_packet`` did not let them through.

    What is too long is NULL on MySQL and cut off on MariaDB.
    """
    try:
        arrays = [orjson.loads(text or "[]") for text in texts]
    except orjson.JSONDecodeError:
        return None
    return arrays if all(len(array) == n_rows for array in arrays) else None


def _read_packed(connection: Connection, query: Select[Any]) -> list[list[Any]] | None:
    if not is_mysql(connection):
        return None
    inner = query.subquery()
    arrays = [func.json_arrayagg(column) for column in inner.c]
    n_rows, *texts = connection.execute(select(func.count(), *arrays).select_from(inner)).one()
    columns = unpacked(texts, n_rows)
    return columns and [_typed(values, column.type) for values, column in zip(columns, inner.c, strict=True)]


def _read_plain(connection: Connection, query: Select[Any]) -> list[list[Any]]:
    rows = connection.execute(query).all()
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in query.selected_columns]


def _typed(values: list[Any], kind: TypeEngine[Any]) -> list[Any]:
    if isinstance(kind, Boolean):
        return [None if value is None else bool(value) for value in values]
    if isinstance(kind, JSON):  # to MariaDB a document within an array is text
        return [orjson.loads(value) if isinstance(value, str) else value for value in values]
    return values
