"""How a new row and a stored row of the same key become one, as SQL; the rule is the table's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, case, func
from sqlalchemy.dialects import mysql, sqlite

from foresight.store.column_types import MYSQL_FAMILY
from foresight.store.tables import Merge

Values = Mapping[str, ColumnElement[Any]]
Assignments = list[tuple[str, ColumnElement[Any]]]


def merge_of(table: Table) -> Merge:
    """The rule by which rows of this table merge."""
    rule: Merge = table.info["merge"]
    return rule


def insert_or_merge(table: Table, names: Sequence[str], dialect: str) -> Insert:
    """An INSERT of one row with these columns that merges into a stored row."""
    keys = {column.name for column in table.primary_key}
    given = [name for name in names if name not in keys]
    if dialect in MYSQL_FAMILY:
        on_mysql = mysql.insert(table)
        # A statement that changes nothing is how MySQL is told to leave the stored row alone.
        merged = assignments(table, given, on_mysql.inserted, dialect) or [
            (name, table.c[name]) for name in sorted(keys)[:1]
        ]
        return on_mysql.on_duplicate_key_update(merged)
    on_sqlite = sqlite.insert(table)
    merged = assignments(table, given, on_sqlite.excluded, dialect)
    if not merged:
        return on_sqlite.on_conflict_do_nothing(index_elements=list(table.primary_key))
    return on_sqlite.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(merged))


def assignments(table: Table, names: Sequence[str], new: Any, dialect: str) -> Assignments:
    """What each column of a stored row becomes; ``new`` has the columns of the new row.

    MySQL assigns from left to right, and an assignment sees the ones before it. That does no harm here: with
    as_of assigned first, the new row is still at least as new just when it was before.
    """
    rule = merge_of(table)
    if rule is Merge.VALUE_BEATS_MISSING:
        return [(name, func.coalesce(new[name], table.c[name])) for name in names]
    if rule is Merge.NEWEST_AS_OF:
        is_newer = new["as_of"] >= table.c.as_of
        return [(name, case((is_newer, new[name]), else_=table.c[name])) for name in names]
    if rule is Merge.SPAN:
        least, greatest = ("min", "max") if dialect == "sqlite" else ("least", "greatest")
        spans = {"first_seen": getattr(func, least), "last_seen": getattr(func, greatest)}
        return [(name, _both(spans[name], new[name], table.c[name])) for name in names if name in spans]
    return [(name, new[name]) for name in names]


def _both(choose: Any, new: ColumnElement[Any], old: ColumnElement[Any]) -> ColumnElement[Any]:
    """The smaller or larger one, or the one that is there."""
    chosen: ColumnElement[Any] = choose(func.coalesce(new, old), func.coalesce(old, new))
    return chosen
