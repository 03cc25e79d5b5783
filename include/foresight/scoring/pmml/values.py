"""Columns of one data type, missing included, and how raw values become them.

Numbers, truth values and instants are float64 with NaN for missing; text is int32 codes into ``levels``
with -1 for missing, so that a question about a text is asked once a level and looked up for each record.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidModel, UnsupportedModel

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
    return float(np.float32(value)) if data_type == "float" else value


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
    return repr(float(np.float32(value))) if data_type == "float" else repr(value)


def _written_instant(value: float, data_type: str) -> str:
    try:
        if data_type == "date":
            return (dt.date(1970, 1, 1) + dt.timedelta(days=value)).isoformat()
        if data_type == "time":
            return str(dt.timedelta(seconds=value))
        return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=value)).isoformat()  # noqa: DTZ001 (no zone meant)
    except OverflowError:
        return repr(value)  # beyond the calendar


def encode(raw: Sequence[Any] | NDArray[Any], data_type: str) -> tuple[Column, Flags]:
    """Raw values as a column, and where a value was there that is none of this type.

    None, NaN and, but for text, the empty text are missing.
    """
    array = raw if isinstance(raw, np.ndarray) else _objects(raw)
    if data_type == "string":
        return _encode_text(array)
    try:
        if array.dtype.kind in "OUS" and data_type in _INSTANTS | {"boolean"}:
            raise ValueError  # noqa: TRY301 (the slow way reads these)
        values = array.astype(np.float64, copy=False)
    except (ValueError, TypeError, OverflowError):
        return _encode_slowly(array, data_type)
    bad = np.zeros(len(values), bool)
    if data_type == "float":
        values = values.astype(np.float32).astype(np.float64)
    elif data_type == "integer":
        bad = np.isfinite(values) & (values != np.floor(values))
    elif data_type == "boolean":
        bad = ~np.isnan(values) & (values != 0) & (values != 1)
    return Column(np.where(bad, math.nan, values) if bad.any() else values, data_type), bad


def _encode_slowly(array: NDArray[Any], data_type: str) -> tuple[Column, Flags]:
    values, bad = np.full(len(array), math.nan), np.zeros(len(array), bool)
    for row, item in enumerate(array.tolist()):
        if item is None or item == "" or item != item:
            continue
        try:
            values[row] = parse(item if isinstance(item, str) else str(_written(item)), data_type)
        except (ValueError, TypeError, OverflowError):
            bad[row] = True
    return Column(values, data_type), bad


def _encode_text(array: NDArray[Any]) -> tuple[Column, Flags]:
    items = array.tolist()
    bad = np.zeros(len(items), bool)
    try:
        column = text_column(items)
    except TypeError:
        bad = np.array([isinstance(item, list | dict | tuple | set) for item in items], bool)
        column = text_column([None if wrong else item for item, wrong in zip(items, bad, strict=True)])
    if not all(type(level) is str for level in column.levels):
        texts = [_written(level) for level in column.levels]
        index = text_column(texts)
        codes = np.append(index.values, np.int32(-1))[column.values]
        column = Column(codes.astype(np.int32), "string", index.levels)
    return column, bad


def _written(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    if isinstance(item, bool | np.bool_):
        return "true" if item else "false"
    if isinstance(item, float):
        return None if math.isnan(item) else str(int(item)) if item.is_integer() else repr(item)
    if isinstance(item, dt.date | dt.time):
        return item.isoformat()
    return str(item)


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
        values = values.astype(np.float32).astype(np.float64)
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
