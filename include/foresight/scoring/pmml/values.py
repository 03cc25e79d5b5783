"""Columns of one data type, missing included, and how raw values become them.

Numbers, truth values and instants are float64 with NaN for missing; text is int32 codes into ``levels``
with -1 for missing, so that a question about a text is asked once a level and looked up for each record.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from ctypes import c_float
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.plain_values import NUMBERS, from_text, is_nan, is_number, kind_of, typed

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Value = float | str

_YEARS = ("0", "1960", "1970", "1980", "1990", "2000", "2010", "2020")
_DAYS_SINCE = {f"dateDaysSince[{year}]": year for year in _YEARS}
_SECONDS_SINCE = {f"dateTimeSecondsSince[{year}]": year for year in _YEARS}
_INSTANTS = {"date", "time", "dateTime", "timeSeconds", *_DAYS_SINCE, *_SECONDS_SINCE}
DATA_TYPES = frozenset({"string", "integer", "float", "double", "boolean", *_INSTANTS})


@dataclass(slots=True)
class Column:
    """Values of one field for n records; ``levels`` is empty unless ``data_type`` is string."""

    values: NDArray[Any]
    data_type: str
    levels: tuple[str, ...] = ()
    _missing: Flags | None = None
    _has_missing: bool | None = None

    @property
    def is_text(self) -> bool:
        """Whether the values are codes into ``levels``."""
        return self.data_type == "string"

    @property
    def missing(self) -> Flags:
        """Where there is no value; computed once."""
        if self._missing is None:
            self._missing = self.values < 0 if self.is_text else np.isnan(self.values)
        return self._missing

    @property
    def has_missing(self) -> bool:
        """Whether any value is missing."""
        if self._has_missing is None:
            self._has_missing = bool(self.missing.any())
        return self._has_missing

    def take(self, rows: NDArray[np.intp]) -> Column:
        """These rows, in this order."""
        return Column(self.values[rows], self.data_type, self.levels)

    def lookup(self, answer: Callable[[str], Any], missing: Any, dtype: Any) -> NDArray[Any]:
        """``answer`` of each text, asked once a level."""
        # The code of a missing text is -1: it finds the last place of the table.
        table: NDArray[Any] = np.array([*map(answer, self.levels), missing], dtype)
        return np.asarray(table[self.values])

    def where(self, use: Flags, other: Column) -> Column:
        """This column, and ``other`` where ``use``; both of one kind."""
        if not self.is_text:
            return Column(np.where(use, other.values, self.values), self.data_type)
        levels, (mine, theirs) = common_codes([self, other])
        return Column(np.where(use, theirs, mine), "string", levels)

    def texts(self) -> NDArray[np.object_]:
        """The text of each value, None where missing."""
        if self.is_text:
            return np.asarray(np.array([*self.levels, None], object)[self.values])
        return _objects(None if math.isnan(v) else text_of(v, self.data_type) for v in self.values.tolist())

    def plain(self) -> NDArray[Any]:
        """For callers: float64 with NaN; int64 and bool where nothing is missing; else objects with None."""
        if self.data_type in {"double", "float"}:
            return self.values
        if self.is_text or self.data_type in _INSTANTS:
            return self.texts()
        dtype = np.bool_ if self.data_type == "boolean" else np.int64
        if not self.missing.any() and (np.abs(self.values) < 2.0**63).all():
            return self.values.astype(dtype)
        kind: Callable[[float], Any] = bool if self.data_type == "boolean" else _integer
        return _objects(None if math.isnan(v) else kind(v) for v in self.values.tolist())


def single(value: float) -> float:
    """The value rounded to single precision; infinite where it is too large for that."""
    return c_float(value).value


def singles(values: Floats) -> Floats:
    """The same for an array."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _integer(value: float) -> int | float:
    return int(value) if math.isfinite(value) else value


def _objects(values: Iterable[Any]) -> NDArray[np.object_]:
    items = list(values)
    out = np.empty(len(items), object)
    out[:] = items
    return out


def constant(value: Value | None, data_type: str, n: int) -> Column:
    """One value for n records."""
    if data_type == "string":
        code = -1 if value is None else 0
        return Column(np.full(n, code, np.int32), data_type, () if value is None else (str(value),))
    return Column(np.full(n, math.nan if value is None else value, np.float64), data_type)


def common_codes(columns: Sequence[Column]) -> tuple[tuple[str, ...], list[NDArray[np.int32]]]:
    """Texts of several columns as codes into one table of levels."""
    index: dict[str, int] = {}
    for column in columns:
        for level in column.levels:
            index.setdefault(level, len(index))
    codes = [column.lookup(index.__getitem__, -1, np.int32) for column in columns]
    return tuple(index), codes


def text_column(texts: Sequence[str | None] | NDArray[np.object_]) -> Column:
    """Texts, None for missing, as codes."""
    index: dict[Any, int] = {None: -1}
    for text in dict.fromkeys(texts):
        index.setdefault(text, len(index) - 1)
    codes = np.fromiter(map(index.__getitem__, texts), np.int32, len(texts))
    return Column(codes, "string", tuple(index)[1:])


def parse(text: str, data_type: str) -> Value:
    """The value that ``text`` stands for; raises ``ValueError`` where it stands for none."""
    if data_type == "string":
        return text
    text = text.strip()
    if data_type == "boolean":
        return (
            {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}[text.lower()]
            if (text.lower() in {"true", "false", "1", "0", "1.0", "0.0"})
            else _not(text, data_type)
        )
    if data_type in _INSTANTS:
        return _instant(text, data_type)
    value = float(text)
    if data_type == "integer" and math.isfinite(value) and value != int(value):
        _not(text, data_type)
    return single(value) if data_type == "float" else value


def parse_constant(text: str, data_type: str, where: str) -> Value:
    """A constant of a model; raises ``InvalidModel`` for what is not a value of its type, NaN included."""
    try:
        value = parse(text, "double" if data_type == "integer" else data_type)
    except (ValueError, OverflowError) as error:
        raise InvalidModel(f"{where}: {text[:40]!r} is not a {data_type}") from error
    if not isinstance(value, str) and math.isnan(value):
        raise InvalidModel(f"{where}: NaN is not a {data_type} to compare with")
    return value


def known_type(data_type: str, where: str) -> str:
    """``data_type`` if this runtime has it."""
    if data_type not in DATA_TYPES:
        raise UnsupportedModel(where, f"has data type {data_type!r}, which is not supported")
    return data_type


def text_of(value: float, data_type: str) -> str:
    """How a number of this type is written."""
    if data_type == "boolean":
        return "true" if value else "false"
    if data_type == "integer" and math.isfinite(value):
        return str(int(value))
    if data_type in {"date", "dateTime", "time"}:
        return _written_instant(value, data_type)
    return repr(single(value)) if data_type == "float" else repr(value)


def _written_instant(value: float, data_type: str) -> str:
    try:
        if data_type == "date":
            return (dt.date(1970, 1, 1) + dt.timedelta(days=value)).isoformat()
        if data_type == "time":
            return str(dt.timedelta(seconds=value))
        return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=value)).isoformat()  # noqa: DTZ001 (no zone meant)
    except OverflowError:
        return repr(value)  # beyond the calendar


def read_value(raw: Any, data_type: str) -> tuple[Value | None, str]:
    """A single value of a record or a column, None for a missing one, or the reason why it is none.

    A text is read as the cell of a CSV file is. Missing are None, NaN and, but for text, the empty text.
    """
    if raw is None:
        return None, ""
    if isinstance(raw, str) and data_type != "string":
        raw = from_text(raw, data_type)
        if raw is None:
            return None, ""
    if data_type in _INSTANTS:
        return _read_instant(raw, data_type)
    if data_type == "boolean" and is_number(raw) and raw in (0, 1):
        return float(raw), ""
    value, reason = typed(raw, data_type)
    if reason or value is None or data_type == "string":
        return value, reason
    if data_type == "float":
        value = single(value)
        if math.isinf(value):
            return None, "is too large for a float"
    return float(value), ""


def _read_instant(raw: Any, data_type: str) -> tuple[Value | None, str]:
    if is_nan(raw):
        return None, ""
    try:
        if is_number(raw):
            value = float(raw)
        else:
            value = _instant(raw.isoformat() if isinstance(raw, dt.date | dt.time) else str(raw), data_type)
    except (ValueError, TypeError, OverflowError):
        value = math.inf
    if not isinstance(raw, str | dt.date | dt.time) and not is_number(raw):
        return None, f"is {kind_of(raw)}, not a {data_type}"
    return (value, "") if math.isfinite(value) else (None, f"is not a {data_type}")


class Encoded(NamedTuple):
    """Raw values as a column; ``reasons`` says by place what was there that is none of the type."""

    column: Column
    reasons: Mapping[int, str] = {}


def encode(raw: Sequence[Any] | NDArray[Any], data_type: str, blanks: Container[Any] = ()) -> Encoded:
    """Raw values as a column, each as ``read_value`` reads it; texts in ``blanks`` are missing."""
    array = raw if isinstance(raw, np.ndarray) else _objects(raw)
    if data_type == "string":
        return _encode_text(array)
    if data_type in NUMBERS and (array.dtype.kind in "fiu" or _is_plain(array)):
        with suppress(OverflowError):
            values = _rounded(array.astype(np.float64, copy=False), data_type)
            if values is not None:
                return Encoded(Column(values, data_type))
    return _encode_slowly(array, data_type, blanks)


def _is_plain(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "O" and set(map(type, array.tolist())) <= {float, int, type(None)}


def _rounded(values: Floats, data_type: str) -> Floats | None:
    """The values of a number's type; None where one of them is not of the type."""
    if data_type == "float":
        values = singles(values)
    total = float(values.sum())
    # A sum less itself is 0 only if every part of it is finite.
    if total - total != 0.0 and np.isinf(values).any():
        return None
    return (
        None
        if data_type == "integer" and (values != np.floor(values)).any(where=values == values)
        else values
    )


def _encode_slowly(array: NDArray[Any], data_type: str, blanks: Container[Any]) -> Encoded:
    values = np.full(len(array), math.nan)
    reasons = dict[int, str]()
    items = array.astype("datetime64[us]").tolist() if array.dtype.kind == "M" else array.tolist()
    for row, item in enumerate(items):
        if isinstance(item, str) and item in blanks:
            continue
        value, reason = read_value(item, data_type)
        if reason:
            reasons[row] = reason
        elif value is not None:
            values[row] = value
    return Encoded(Column(values, data_type), reasons)


def _encode_text(array: NDArray[Any]) -> Encoded:
    items = array.tolist()
    with suppress(TypeError):  # what cannot be a key is no text
        column = text_column(items)
        if all(isinstance(level, str) for level in column.levels):
            return Encoded(column)
    read = [read_value(item, "string") for item in items]
    reasons = {row: reason for row, (_, reason) in enumerate(read) if reason}
    return Encoded(text_column([None if value is None else str(value) for value, _ in read]), reasons)


def cast(column: Column, data_type: str) -> Column:
    """A column as another type; what cannot be is missing."""
    if column.data_type == data_type:
        return column
    if data_type == "string":
        return text_column(column.texts())
    if column.is_text:
        return Column(column.lookup(lambda level: _or_nan(level, data_type), math.nan, np.float64), data_type)
    values = column.values
    if data_type == "float":
        values = singles(values)
    elif data_type == "integer":
        values = np.trunc(values)
    elif data_type in _INSTANTS and column.data_type in _INSTANTS:
        values = values + _offset(column.data_type, data_type)
    return Column(values, data_type)


def _or_nan(text: str, data_type: str) -> float:
    try:
        return float(parse(text, data_type))
    except (ValueError, OverflowError):
        return math.nan


def days_before(year: str) -> float:
    """Days from the first of January of ``year`` to that of 1970."""
    first = 1 - 366 if year == "0" else dt.date(int(year), 1, 1).toordinal()
    return float(dt.date(1970, 1, 1).toordinal() - first)


def _offset(given: str, wanted: str) -> float:
    def since_1970(data_type: str) -> float:
        if data_type in _DAYS_SINCE:
            return days_before(_DAYS_SINCE[data_type])
        return days_before(_SECONDS_SINCE[data_type]) * 86_400 if data_type in _SECONDS_SINCE else 0.0

    return since_1970(wanted) - since_1970(given)


def _instant(text: str, data_type: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    if data_type in {"time", "timeSeconds"}:
        time = dt.time.fromisoformat(text)
        return time.hour * 3600.0 + time.minute * 60 + time.second + time.microsecond / 1e6
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    seconds = (moment - dt.datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 (no zone meant)
    if data_type == "date" or data_type in _DAYS_SINCE:
        return math.floor(seconds / 86_400) + _offset("date", data_type)
    return seconds + _offset("dateTime", data_type)


def _not(text: str, data_type: str) -> float:
    raise ValueError(f"{text[:40]!r} is not a {data_type}")
