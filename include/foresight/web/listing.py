"""Lists over HTTP, all alike: filters, order, cursor, and the same rows as CSV."""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from inspect import Parameter, Signature
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, create_model
from sqlalchemy.sql.elements import ColumnElement

from foresight.services.listings import MOST_ROWS, Cursor, Filter, Listing, Page, name_of, read_all, read_page
from foresight.web.context import Doors
from foresight.web.errors import wrong
from foresight.web.fields import (
    PLAIN,
    Identity,
    Number,
    Plain,
    SeriesId,
    Shown,
    When,
    Whole,
    read_instant,
    row_model,
    type_of,
)

MOST_CSV_ROWS: Final = 100_000
BASE: Final = "/api/v1"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OPERATORS: Final = ("gte", "gt", "lte", "lt")
Cleaner = Callable[[Any], Any]


def add_listing(
    app: FastAPI,
    doors: Doors,
    path: str,
    listing: Listing,
    title: str,
    *,
    within: Mapping[str, str] | None = None,
    clean: Mapping[str, Cleaner] | None = None,
) -> None:
    """Adds ``GET path`` and ``GET path.csv``.

    ``within``: columns that parameters of the path choose, by the name of the parameter. ``clean``: what is
    made of the values of a column before they are compared. The rules are those of ``list_NAME`` and
    ``export_NAME``.
    """
    filters = _filter_parameters(listing, set((within or {}).values()))
    places = {name: _place(listing.column(column)) for name, column in (within or {}).items()}
    row = row_model(_camel(listing.name), listing.columns)
    answer = _answer_model(listing.name, row)

    def conditions(given: Mapping[str, Any]) -> list[Filter]:
        chosen = [Filter(column, "eq", given[name]) for name, column in (within or {}).items()]
        for name, (column, operator, _) in filters.items():
            value = given.get(name)
            if value not in (None, []):
                cleaned = (clean or {}).get(column)
                chosen.append(Filter(column, operator, cleaned(value) if cleaned else value))  # type: ignore[arg-type]
        _refuse_backwards(chosen)
        return chosen

    def list_rows(**given: Any) -> Any:
        order = _checked_order(listing, given["order_by"])
        cursor = read_cursor(listing, order, given["cursor"])
        page = read_page(
            doors.store, listing, filters=conditions(given), order=order, cursor=cursor, limit=given["limit"]
        )
        return page_document(listing, order, page)

    def export_rows(**given: Any) -> StreamingResponse:
        order = _checked_order(listing, given["order_by"])
        parts = read_all(doors.store, listing, filters=conditions(given), order=order, most=MOST_CSV_ROWS)
        return csv_response(listing.name, [name_of(each) for each in listing.columns], parts)

    shared = [
        *(_parameter(name, kind, Parameter.empty) for name, kind in places.items()),
        *(_parameter(name, kind, None) for name, (*_, kind) in filters.items()),
        _order_parameter(listing),
    ]
    paging = [_parameter("limit", Limit, 50), _parameter("cursor", CursorText, None)]
    _name(list_rows, f"list_{listing.name}", title, [*shared, *paging])
    _name(export_rows, f"export_{listing.name}", f"{title} As CSV, at most {MOST_CSV_ROWS:,} rows.", shared)
    app.get(f"{BASE}{path}", response_model=answer)(list_rows)
    app.get(f"{BASE}{path}.csv", response_class=StreamingResponse, responses=CSV)(export_rows)


Limit = Annotated[Whole, Query(ge=1, le=MOST_ROWS)]
CursorText = Annotated[
    Annotated[str, Field(pattern=PLAIN, max_length=4096)] | None,
    Query(description="next_cursor or previous_cursor of another page, with the same order."),
]
OneOf = Annotated[list[Plain] | None, Query(description="One of these.", max_length=100)]
Holding = Annotated[Plain | None, Query(description="Holds this text, in capitals or not.")]
Beginning = Annotated[Plain | None, Query(description="Begins with this text.")]
CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A table with a head"}
}


def page_document(listing: Listing, order: Sequence[str], page: Page) -> dict[str, Any]:
    """A page as it is answered."""
    return {
        listing.name: page.rows,
        "total_entries": page.total,
        "next_cursor": write_cursor(listing, order, page.following),
        "previous_cursor": write_cursor(listing, order, page.preceding),
    }


def write_cursor(listing: Listing, order: Sequence[str], cursor: Cursor | None) -> str | None:
    """A cursor as text: its order, its direction and its values."""
    if cursor is None:
        return None
    packed = orjson.dumps([list(listing.whole_order(order)), cursor.is_backward, list(cursor.values)])
    return urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(listing: Listing, order: Sequence[str], text: str | None) -> Cursor | None:
    """The cursor that ``write_cursor`` wrote. Raises ``Problem`` for any other text."""
    if text is None:
        return None
    whole = listing.whole_order(order)
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        names, is_backward, values = orjson.loads(raw)
        if names != list(whole) or not isinstance(is_backward, bool) or len(values) != len(whole):
            raise wrong("cursor", "it belongs to a list of another order")
        columns = [listing.column(name.removeprefix("-")) for name in whole]
        found = tuple(_typed(column, value) for column, value in zip(columns, values, strict=True))
    except (NotBase64, ValueError, TypeError):
        raise wrong("cursor", "it is none of ours: take next_cursor of an answer") from None
    return Cursor(found, is_backward)


def _typed(column: ColumnElement[Any], value: Any) -> Any:
    kind = type_of(column)
    if value is None:
        return None
    if kind is datetime:
        return read_instant(value)
    plain = {float: (float, int), int: (int,), bool: (bool,), str: (str,)}.get(kind, (int,))
    if not isinstance(value, plain) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise TypeError
    return value


def csv_response(name: str, head: Sequence[str], parts: Iterator[list[dict[str, Any]]]) -> StreamingResponse:
    """Rows as a file, sent as they are read. What fails before the first row is an error as any other."""
    first = next(parts, [])

    def lines() -> Iterator[str]:
        yield _csv([head])
        yield _csv([_cell(row[column]) for column in head] for row in first)
        for rows in parts:
            yield _csv([_cell(row[column]) for column in head] for row in rows)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(rows: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value as a cell; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else value


def _filter_parameters(listing: Listing, chosen: set[str]) -> dict[str, tuple[str, str, Any]]:
    """Parameters by name: the column, the operator and the annotation."""
    found: dict[str, tuple[str, str, Any]] = {}
    for name in (each for each in listing.filters if each not in chosen):
        column = listing.column(name)
        kind = type_of(column)
        if kind is bool:
            found[name] = (name, "eq", Annotated[bool | None, Query()])
        elif kind in {float, int, datetime}:
            exact = {float: Number, int: Whole, datetime: When}[kind]
            for operator in _OPERATORS:
                found[f"{name}_{operator}"] = (name, operator, Annotated[exact | None, Query()])
        else:
            found[name] = (name, "eq", OneOf)
            found[f"{name}_pattern"] = (name, "pattern", Holding)
            found[f"{name}_prefix_pattern"] = (name, "prefix", Beginning)
    return found


def _order_parameter(listing: Listing) -> Parameter:
    names = listing.sortable or listing.key
    allowed = [sign + name for name in names for sign in ("", "-")]
    kind = Annotated[str, Field(json_schema_extra={"enum": allowed})]
    told = f"Columns to order by, with - for descending; {', '.join(listing.order)} by default."
    query = Query(description=told, max_length=len(names))
    return _parameter("order_by", Annotated[list[kind], query], [])


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _checked_order(listing: Listing, order: Sequence[str]) -> tuple[str, ...]:
    names = listing.sortable or listing.key
    plain = [name.removeprefix("-") for name in order]
    if unknown := [name for name in plain if name not in names]:
        raise wrong("order_by", f"{len(unknown)} of the names cannot be ordered by; use {', '.join(names)}")
    if len(set(plain)) < len(plain):
        raise wrong("order_by", "a name is given twice")
    return tuple(order)


def _refuse_backwards(filters: Sequence[Filter]) -> None:
    """Refuses a range whose end lies before its start."""
    starts = {each.column: each.value for each in filters if each.operator in {"gte", "gt"}}
    for each in filters:
        if each.operator in {"lte", "lt"} and each.column in starts and each.value < starts[each.column]:
            raise wrong(f"{each.column}_{each.operator}", "the range runs backwards")


def _place(column: ColumnElement[Any]) -> Any:
    """The annotation of a parameter of the path."""
    return Annotated[SeriesId if type_of(column) is Identity else Plain, Path()]


def _answer_model(name: str, row: type[BaseModel]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (list[row], ...),  # type: ignore[valid-type] # made here
        "total_entries": (
            int | None,
            Field(description="Rows with these filters; null where a cursor is given"),
        ),
        "next_cursor": (str | None, Field(description="null on the last page")),
        "previous_cursor": (str | None, Field(description="null on the first page")),
    }
    return create_model(f"{_camel(name)}Page", __base__=Shown, **fields)


def _name(function: Any, name: str, title: str, parameters: Sequence[Parameter]) -> None:
    function.__name__, function.__doc__ = name, title
    function.__signature__ = Signature(list(parameters))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
