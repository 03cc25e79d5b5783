"""What all tables share: one metadata, how rows of a table merge, what time a table is kept by."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, Table
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

PAST = "p_past"
"""The partition of all days before the first one that has a partition of its own."""
FUTURE = "p_future"
"""The partition of all days after the last one that has a partition of its own."""


class Merge(Enum):
    """What becomes of a row when its key is stored already. No rule depends on the order of runs."""

    OVERWRITE = "the same interval gives the same row, so the last write counts"
    VALUE_BEATS_MISSING = "a new value replaces the old one, a missing value replaces nothing"
    NEWEST_AS_OF = "the row with the later as_of replaces it"
    SPAN = "first_seen is a minimum, last_seen a maximum, the rest stands"


def define(
    name: str,
    *items: SchemaItem,
    comment: str,
    merge: Merge = Merge.OVERWRITE,
    kept_by: str | None = None,
    by_day: bool = False,
    stays: str | None = None,
) -> Table:
    """A table of the store; it says by what time its rows go, or why they stay.

    Args:
        name: its name, a singular.
        items: columns and indexes.
        comment: what one row is; stored in the database too.
        merge: what becomes of a row whose key is stored already.
        kept_by: the column of time that retention goes by; None where rows are kept for good.
        by_day: whether MySQL keeps the days of ``kept_by`` in partitions, so that a day is dropped at once.
        stays: why rows are kept for good, where ``kept_by`` is None: what bounds their number.
    """
    if (kept_by is None) == (stays is None):
        msg = f"table {name} says either by what time its rows go or why they stay"
        raise ValueError(msg)
    return Table(
        name,
        metadata,
        *items,
        comment=comment,
        info={"merge": merge, "kept_by": kept_by, "by_day": by_day, "stays": stays},
        **table_options(kept_by if by_day else None),
    )


def table_options(day_column: str | None) -> dict[str, Any]:
    """How each database is to lay a table out, as keyword arguments of ``Table``."""
    options: dict[str, Any] = {"sqlite_with_rowid": False}
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_default_charset"] = "utf8mb4"
        if day_column:
            options[f"{dialect}_partition_by"] = (
                f"RANGE COLUMNS ({day_column}) ("
                f"PARTITION {PAST} VALUES LESS THAN ('1970-01-02'), "
                f"PARTITION {FUTURE} VALUES LESS THAN (MAXVALUE))"
            )
    return options


def key(name: str, type_: Any, comment: str, *constraints: ForeignKey) -> Column[Any]:
    """A column of the natural key."""
    return Column(name, type_, *constraints, primary_key=True, autoincrement=False, comment=comment)


def must(name: str, type_: Any, comment: str) -> Column[Any]:
    """A column that is never NULL."""
    return Column(name, type_, nullable=False, comment=comment)


def may(name: str, type_: Any, comment: str) -> Column[Any]:
    """A column that is NULL where there is nothing to say."""
    return Column(name, type_, nullable=True, comment=comment)
