"""Lists of what is stored, in pages: filtered, ordered and continued from a cursor by one way for all.

A page is found by the values of its first or last row, so it costs the same wherever it lies, and rows that
come or go meanwhile shift nothing. NULL is the smallest value, as MySQL, MariaDB and SQLite sort it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.sql import visitors

from foresight.store import Store
from foresight.store.column_types import MYSQL_FAMILY

Operator = Literal["eq", "gte", "gt", "lte", "lt", "pattern", "prefix"]
MOST_ROWS: Final = 1_000
"""Most rows of a page."""
ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What can be listed: columns, the ones it may be ordered and filtered by, and its key.

    ``source`` is what the columns are selected from: tables are joined in the order in which they stand, so
    the first one, in whose index the order is, leads. Column names are those of the answer. ``order``: the
    order where none is asked for, with ``-`` for descending.
    """

    name: str
    columns: tuple[ColumnElement[Any], ...]
    key: tuple[str, ...]
    source: FromClause
    order: tuple[str, ...]
    sortable: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    hidden: tuple[ColumnElement[Any], ...] = ()
    """Columns that may be filtered by and are not shown."""
    always: tuple[ColumnElement[bool], ...] = ()
    """What holds of every row."""
    counted: Table | None = None
    """The table that is counted where no filter is of another one: each of its rows has one partner."""

    def column(self, name: str) -> ColumnElement[Any]:
        """A column by its name."""
        return next(each for each in (*self.columns, *self.hidden) if name_of(each) == name)

    def whole_order(self, order: Sequence[str] = ()) -> tuple[str, ...]:
        """The order asked for, or the usual one, with the rest of the key behind it."""
        given = tuple(order) or self.order
        named = {name.removeprefix("-") for name in given}
        falling = "-" if given and given[-1].startswith("-") else ""
        return (*given, *(falling + name for name in self.key if name not in named))


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a column."""

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after these values of the order, or before them."""

    values: tuple[Any, ...]
    is_backward: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the cursors of the pages beside it; ``total`` is None where it was not counted."""

    rows: list[dict[str, Any]]
    total: int | None
    following: Cursor | None
    preceding: Cursor | None


def name_of(column: ColumnElement[Any]) -> str:
    """What a column is called in answers."""
    return str(getattr(column, "name", None) or getattr(column, "key", ""))


def read_page(
    store: Store,
    listing: Listing,
    *,
    filters: Sequence[Filter] = (),
    order: Sequence[str] = (),
    cursor: Cursor | None = None,
    limit: int = 50,
    always: Sequence[ColumnElement[bool]] = (),
) -> Page:
    """A page of a listing. The first one is counted: how many rows there are with these filters."""
    whole = listing.whole_order(order)
    conditions = [*listing.always, *always, *(_condition(listing, each) for each in filters)]

    def work(connection: Connection) -> Page:
        rows = _rows(connection, listing, conditions, whole, cursor, limit + 1)
        total = None
        if cursor is None:
            total = len(rows) if len(rows) <= limit else _count(connection, listing, conditions)
        return _page(rows, whole, cursor, limit, total)

    return store.read(work)


def read_all(
    store: Store,
    listing: Listing,
    *,
    filters: Sequence[Filter] = (),
    order: Sequence[str] = (),
    most: int,
    always: Sequence[ColumnElement[bool]] = (),
) -> Iterator[list[dict[str, Any]]]:
    """All rows of a listing, at most ``most``, a thousand at a time; each part is read when asked for."""
    cursor, left = None, most
    while left > 0:
        page = read_page(
            store, listing, filters=filters, order=order, limit=min(ROWS_AT_ONCE, left), always=always,
            cursor=cursor or Cursor(()),
        )  # fmt: skip
        if page.rows:
            yield page.rows
        left -= len(page.rows)
        cursor = page.following
        if cursor is None:
            return


def _rows(
    connection: Connection,
    listing: Listing,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[str],
    cursor: Cursor | None,
    limit: int,
) -> list[dict[str, Any]]:
    is_backward = cursor is not None and cursor.is_backward
    query = select(*listing.columns).select_from(listing.source).where(*conditions)
    for dialect in MYSQL_FAMILY:
        query = query.prefix_with("STRAIGHT_JOIN", dialect=dialect)
    if cursor is not None and cursor.values:
        query = query.where(_after(listing, order, cursor))
    for name in order:
        column, falls = listing.column(name.removeprefix("-")), name.startswith("-")
        query = query.order_by(column.desc() if falls != is_backward else column.asc())
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def _page(
    rows: list[dict[str, Any]], order: Sequence[str], cursor: Cursor | None, limit: int, total: int | None
) -> Page:
    has_more, rows = len(rows) > limit, rows[:limit]
    is_backward = cursor is not None and cursor.is_backward
    if is_backward:
        rows.reverse()
    names = [name.removeprefix("-") for name in order]

    def at(row: dict[str, Any], *, backward: bool) -> Cursor:
        return Cursor(tuple(row[name] for name in names), backward)

    is_first = cursor is None or not cursor.values
    goes_on = bool(rows) and (has_more or is_backward)
    goes_back = bool(rows) and (has_more if is_backward else not is_first)
    return Page(
        rows,
        total,
        at(rows[-1], backward=False) if goes_on else None,
        at(rows[0], backward=True) if goes_back else None,
    )


def _count(connection: Connection, listing: Listing, conditions: Sequence[ColumnElement[bool]]) -> int:
    source = listing.source
    if listing.counted is not None and _tables_of(conditions) <= {listing.counted}:
        source = listing.counted
    query: Select[Any] = select(func.count()).select_from(source).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _tables_of(conditions: Sequence[ColumnElement[bool]]) -> set[FromClause]:
    """The tables that conditions are about."""
    return {
        each.table
        for condition in conditions
        for each in visitors.iterate(condition)
        if isinstance(each, Column)
    }


def _after(listing: Listing, order: Sequence[str], cursor: Cursor) -> ColumnElement[bool]:
    """The rows behind a cursor: greater in the first column that differs."""
    found: ColumnElement[bool] = false()
    pairs = list(zip(order, cursor.values, strict=True))
    for name, value in reversed(pairs):
        column = listing.column(name.removeprefix("-"))
        rises = name.startswith("-") == cursor.is_backward
        found = or_(_beyond(column, value, rises=rises), and_(_same(column, value), found))
    name, value = pairs[0]
    column, rises = listing.column(name.removeprefix("-")), name.startswith("-") == cursor.is_backward
    if value is not None and rises:
        return and_(column >= value, found)  # what an index can be searched for
    if value is not None and not _is_nullable(column):
        return and_(column <= value, found)
    return found


def _beyond(column: Any, value: Any, *, rises: bool) -> Any:
    if value is None:
        return column.is_not(None) if rises else false()
    if rises:
        return column > value
    return or_(column < value, column.is_(None)) if _is_nullable(column) else column < value


def _same(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _is_nullable(column: ColumnElement[Any]) -> bool:
    return bool(getattr(column, "nullable", True))


def _condition(listing: Listing, given: Filter) -> Any:
    column: Any = listing.column(given.column)
    value = given.value
    match given.operator:
        case "eq":
            return or_(*(column == each for each in value)) if isinstance(value, list) else column == value
        case "gte":
            return column >= value
        case "gt":
            return column > value
        case "lte":
            return column <= value
        case "lt":
            return column < value
        case "prefix":
            # SQLite's LIKE takes a and A for one; MySQL finds the beginning of a text by its index.
            begins = column.startswith(value, autoescape=True)
            return and_(begins, func.substr(column, 1, len(value)) == value)
        case "pattern":
            return func.lower(column).contains(str(value).lower(), autoescape=True)
