"""Reading many rows fast: drivers in Python take rows one by one, so MySQL is asked to put many into one."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, Connection, Select, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from foresight.errors import FinalError
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
    is left open. On MySQL they come as one JSON array a column, which keeps every digit of a double and has
    to fit into ``max_allowed_packet``: some 10,000 rows at a time.
    """
    if not is_mysql(connection):
        rows = connection.execute(query).all()
        return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in query.selected_columns]
    inner = query.subquery()
    arrays = [func.json_arrayagg(column) for column in inner.c]
    n_rows, *texts = connection.execute(select(func.count(), *arrays).select_from(inner)).one()
    columns = [
        _typed(orjson.loads(text or "[]"), column.type) for text, column in zip(texts, inner.c, strict=True)
    ]
    if any(len(column) != n_rows for column in columns):
        raise FinalError(f"{n_rows} rows do not fit into the server's max_allowed_packet")
    return columns


def _typed(values: list[Any], kind: TypeEngine[Any]) -> list[Any]:
    if isinstance(kind, Boolean):
        return [None if value is None else bool(value) for value in values]
    return values
