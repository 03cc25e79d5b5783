"""The reference of all tables as Markdown, made of what the tables say of themselves.

``python -m foresight.store.reference docs/tables.md`` writes it anew below its marker.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Table
from sqlalchemy.dialects import mysql

from foresight.store.tables import metadata

MARKER: Final = "<!-- written by foresight.store.reference: do not edit below -->\n"


def describe_tables() -> str:
    """One section a table, by name."""
    return "\n".join(
        section for table in sorted(metadata.tables.values(), key=str) for section in _section(table)
    )


def rewrite(text: str) -> str:
    """The document with the part below its marker made anew."""
    head, marker, _ = text.partition(MARKER)
    if not marker:
        msg = "the document has no marker to write below"
        raise ValueError(msg)
    return f"{head}{marker}\n{describe_tables()}"


def _section(table: Table) -> Iterator[str]:
    kept_by = table.info["kept_by"]
    days = ", in day partitions on MySQL" if table.info["by_day"] else ""
    yield f"### `{table.name}`"
    yield f"{table.comment}.\n"
    yield f"- A row that is there already: {table.info['merge'].value}."
    yield f"- Kept by `{kept_by}`{days}.\n" if kept_by else f"- Kept for good: {table.info['stays']}.\n"
    yield "| column | type | |"
    yield "| --- | --- | --- |"
    for column in table.c:
        yield f"| {_name(column)} | {_type(column)} | {column.comment} |"
    yield ""


def _name(column: Column[object]) -> str:
    return f"**`{column.name}`**" if column.primary_key else f"`{column.name}`"


def _type(column: Column[object]) -> str:
    dialect = mysql.dialect()
    dialect.is_mariadb = False
    kind = str(column.type.compile(dialect=dialect)).split(" CHARACTER SET")[0].lower()
    return kind if column.primary_key or not column.nullable else f"{kind}, null"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(rewrite(document.read_text(encoding="utf-8")), encoding="utf-8")
