"""Field types of requests and answers: strict in what they take, and the same in the schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer
from sqlalchemy.sql.elements import ColumnElement

from foresight.services.listings import name_of
from foresight.store.column_types import Instant

PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
"""Text without control characters, as a pattern of JSON Schema."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_WITHOUT_PLUS: Final = re.compile(r".*T\d\d:\d\d\S* \d\d:\d\d$")


class Form(BaseModel):
    """What a request may hold; a field that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Shown(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(ser_json_inf_nan="null")


def read_instant(given: Any) -> Any:
    """An instant with its zone, as a datetime in UTC. Raises ``ValueError`` with what is allowed."""
    if isinstance(given, datetime):
        return given
    text = given.strip() if isinstance(given, str) else ""
    if _WITHOUT_PLUS.fullmatch(text):
        raise ValueError("the zone has lost its sign: write %2B for + in an address")
    if not _INSTANT.fullmatch(text):
        raise ValueError("an instant has a date, a time and a zone, such as 2026-01-31T22:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such date or time") from None


def instant_of(epoch: int) -> datetime:
    """The instant of epoch seconds, in UTC."""
    return datetime.fromtimestamp(epoch, UTC)


def _read_whole(given: Any) -> Any:
    if isinstance(given, str) and not _WHOLE.fullmatch(given):
        raise ValueError("a whole number in decimal digits is needed")
    return given


When = Annotated[datetime, BeforeValidator(read_instant)]
Whole = Annotated[int, BeforeValidator(_read_whole), Field(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Plain = Annotated[str, Field(pattern=PLAIN, max_length=512)]
Identity = Annotated[str, BeforeValidator(lambda value: None if value is None else str(value))]
"""A number of 63 bits as text, for JSON readers that know only doubles."""
SeriesId = Annotated[int, BeforeValidator(_read_whole), Field(ge=0, le=2**63 - 1)]


def type_of(column: ColumnElement[Any]) -> Any:
    """The type that a column has in an answer, without regard to NULL."""
    kind = column.type
    if isinstance(kind, Instant):
        return datetime
    if isinstance(kind, BigInteger) and name_of(column).endswith("series_id"):
        return Identity
    if isinstance(kind, Boolean):
        return bool
    if isinstance(kind, Integer):
        return int
    if isinstance(kind, Double):
        return float
    return Any if isinstance(kind, JSON) else str


def row_model(name: str, columns: tuple[ColumnElement[Any], ...]) -> type[BaseModel]:
    """The model of a row with these columns, their comments and whether each may be null."""
    fields: dict[str, Any] = {}
    for column in columns:
        base = getattr(column, "element", column)
        kind, comment = type_of(column), getattr(base, "comment", None)
        is_nullable = bool(getattr(base, "nullable", True)) and kind is not Any
        fields[name_of(column)] = (kind | None if is_nullable else kind, Field(description=comment))
    return create_model(name, __base__=Shown, **fields)
