"""How the tables of the first steps are laid out, frozen as those steps are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def table_options(day_column: str | None) -> dict[str, Any]:
    """Keyword arguments of ``create_table``; a table with a day column is partitioned by it on MySQL."""
    options: dict[str, Any] = {"sqlite_with_rowid": False}
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_default_charset"] = "utf8mb4"
        if day_column:
            options[f"{dialect}_partition_by"] = (
                f"RANGE COLUMNS ({day_column}) ("
                "PARTITION p_past VALUES LESS THAN ('1970-01-02'), "
                "PARTITION p_future VALUES LESS THAN (MAXVALUE))"
            )
    return options


def create_index(name: str, table: str, columns: list[str]) -> None:
    """The index, unless it is there; MySQL has no words for that."""
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """The column behind all others, unless it is there."""
    if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)
