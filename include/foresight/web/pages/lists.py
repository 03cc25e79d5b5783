"""Pages that are tables: runs, slices, models, verification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from markupsafe import Markup

from foresight.services.listings import Cursor, Filter, Listing, Page, read_page
from foresight.web.context import Doors
from foresight.web.listing import read_cursor, write_cursor
from foresight.web.pages.rendering import NOTHING, page, query

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: which value, its title, how it is written, and where it leads."""

    name: str
    title: str
    write: Callable[[Any], Any]
    link: Callable[[Row], str] | None
    is_number: bool


def column(
    name: str,
    title: str,
    write: Callable[[Any], Any] | None = None,
    *,
    link: Callable[[Row], str] | None = None,
    is_number: bool = False,
) -> Column:
    """A column; ``link`` makes an address of a row, relative to the first page."""
    return Column(name, title, write or text, link, is_number)


def text(value: Any) -> str:
    """Any value as text."""
    return NOTHING if value is None or value == "" else str(value)


def part_of(
    doors: Doors,
    listing: Listing,
    title: str,
    columns: Sequence[Column],
    *,
    filters: Sequence[Filter] = (),
    cursor: str | None = None,
    given: Mapping[str, Any] | None = None,
    fields: Sequence[tuple[str, str, str | None]] = (),
    action: Callable[[Row], Markup] | None = None,
    root: str = "",
    empty: str,
    export: str = "",
    limit: int = 50,
) -> dict[str, Any]:
    """One table of a page, from a listing of the services."""
    found = read_page(
        doors.store, listing, filters=filters, cursor=read_cursor(listing, (), cursor or None), limit=limit
    )

    made = table(title, columns, found.rows, empty=empty, action=action, root=root)
    return made | {
        "total": found.total,
        "page": beside(listing, (), found, given or {}),
        "filters": [{"name": name, "label": label, "value": value} for name, label, value in fields],
        "export": export,
    }


def beside(listing: Listing, order: Sequence[str], found: Page, given: Mapping[str, Any]) -> dict[str, Any]:
    """How many rows there are, and where the pages beside one are, as queries with what was ``given``."""

    def place(cursor: Cursor | None) -> str | None:
        written = write_cursor(listing, order, cursor)
        return None if written is None else query({**given, "cursor": written})

    return {"total": found.total, "previous": place(found.preceding), "next": place(found.following)}


def table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    empty: str,
    action: Callable[[Row], Markup] | None = None,
    root: str = "",
) -> dict[str, Any]:
    """One table of a page, of rows that are all there are."""
    return {
        "title": title,
        "columns": columns,
        "rows": [
            {"cells": [_cell(each, row, root) for each in columns], "action": action(row) if action else ""}
            for row in rows
        ],
        "total": None,
        "page": {"previous": None, "next": None},
        "filters": [],
        "empty": empty,
        "export": "",
        "action": action is not None,
    }


def _cell(each: Column, row: Row, root: str) -> Any:
    written = each.write(row[each.name])
    if each.link is None:
        return written
    return Markup('<a href="{}{}">{}</a>').format(root, each.link(row), written)


def show_list(request: Request, title: str, parts: Sequence[Mapping[str, Any]], lead: str = "") -> Response:
    """A page of tables."""
    return page(request, "list.html", title=title, parts=parts, lead=lead)
