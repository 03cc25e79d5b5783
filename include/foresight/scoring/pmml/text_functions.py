"""Built-in functions of texts and of instants."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import regex  # type: ignore[import-untyped]

from foresight.scoring.errors import InvalidModel
from foresight.scoring.pmml.values import Column, Floats, cast, days_before, text_column

Columns = Sequence[Column]
Pattern = Any
"""A pattern of the regex package, which gives no types."""
MAX_TEXT = 1_000_000
"""Characters that a text may grow to."""
MAX_TEXTS = 64_000_000
"""Characters that the different texts of a bundle may come to: a bundle that fails is halved."""
_EDGES = regex.compile(r"^\p{Punct}+|\p{Punct}+$")
REGEX_SECONDS = 1.0
"""A pattern from a stranger may take this long over one text."""


def texts(compute: Callable[..., Any], *, with_missing: bool = False) -> Callable[[Columns], Column]:
    """Once for each distinct combination of arguments; without ``with_missing``, missing where one is."""

    def apply(columns: Columns) -> Column:
        combinations = list(zip(*(_plain(column) for column in columns), strict=True))
        answers = {
            key: None if None in key and not with_missing else compute(*key)
            for key in dict.fromkeys(combinations)
        }
        if sum(len(answer) for answer in answers.values() if answer) > MAX_TEXTS:
            raise InvalidModel(f"the texts of a bundle grow beyond {MAX_TEXTS} characters")
        return text_column([answers[key] for key in combinations])

    return apply


def _plain(column: Column) -> list[Any]:
    if column.data_type not in {"integer", "float", "double"}:
        return list(column.texts())
    whole = column.data_type == "integer"
    return [None if v != v else int(v) if whole and math.isfinite(v) else v for v in column.values.tolist()]


def concat(*parts: Any) -> str:
    """The parts in a row; a missing one adds nothing."""
    texts = ["" if part is None else str(part) for part in parts]
    _bound(sum(map(len, texts)))
    return "".join(texts)


def _bound(length: int) -> None:
    if length > MAX_TEXT:
        raise InvalidModel(f"a text of the model grows beyond {MAX_TEXT} characters")


def substring(text: Any, start: float, length: float) -> str:
    """``length`` characters from the 1-based ``start``."""
    begin = max(int(start) - 1, 0)
    return str(text)[begin : begin + max(int(length), 0)]


def matches(columns: Columns) -> Column:
    """Whether a pattern is found anywhere in a text."""
    found = texts(
        lambda text, pattern: str(compile_pattern(pattern).search(text, timeout=REGEX_SECONDS) is not None)
    )
    answer = found(columns)
    return Column(answer.lookup(lambda level: float(level == "True"), math.nan, np.float64), "boolean")


def replace(text: str, pattern: str, replacement: str) -> str:
    """Every match of a pattern replaced."""
    # PCRE writes groups as $1, Python as \1.
    back = regex.sub(r"\$(\d+)", r"\\\1", replacement)
    grown = len(text)

    def written(match: Any) -> str:
        nonlocal grown
        part = str(match.expand(back))
        grown += len(part)
        _bound(grown)
        return part

    return str(compile_pattern(pattern).sub(written, text, timeout=REGEX_SECONDS))


def split_words(text: str, separator: Pattern, *, trims: bool = True) -> tuple[str, ...]:
    """The text between matches of a pattern, without punctuation on either side."""
    parts = (part for part in separator.split(text, timeout=REGEX_SECONDS) if part)
    return tuple(word for word in (_EDGES.sub("", part) if trims else part for part in parts) if word)


def find_words(text: str, word: Pattern) -> tuple[str, ...]:
    """What a pattern matches."""
    return tuple(match.group() for match in word.finditer(text, timeout=REGEX_SECONDS))


def compile_pattern(text: str) -> Pattern:
    """A compiled pattern; raises ``InvalidModel`` for what is none."""
    try:
        return regex.compile(text)
    except regex.error as error:
        raise InvalidModel(f"pattern {text[:40]!r}: {error}") from error


def format_number(number: float, pattern: str) -> str | None:
    """A number by a pattern of C's printf; raises ``InvalidModel`` for one that is none."""
    if math.isinf(number):
        return None
    if regex.search(r"\d{4}", pattern):
        raise InvalidModel(f"formatNumber: the width in {pattern[:40]!r} is too large")
    whole = regex.search(r"%[-+ 0#\d.]*[diuxX]", pattern)
    try:
        return str(pattern % (int(number) if whole else number))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidModel(f"formatNumber: {pattern[:40]!r} does not format {number!r}") from error


def format_datetime(columns: Columns) -> Column:
    """An instant by a pattern of C's strftime."""
    moment, pattern = columns
    return texts(_format_moment)([text_column(moment.texts()), pattern])


def _format_moment(text: str, pattern: str) -> str | None:
    try:
        if ":" in text and "T" not in text:
            return dt.time.fromisoformat(text if text[1] != ":" else "0" + text).strftime(pattern)
        return dt.datetime.fromisoformat(text).strftime(pattern)
    except ValueError:
        return None  # beyond the calendar


def days_since_year(columns: Columns) -> Column:
    """Whole days since the first of January of a year."""
    moment, year = columns
    days = moment.values / 86_400 if moment.data_type == "dateTime" else cast(moment, "date").values
    return Column(np.floor(days) + _offset(year), "integer")


def seconds_since_year(columns: Columns) -> Column:
    """Whole seconds since the first of January of a year."""
    moment, year = columns
    seconds = moment.values if moment.data_type == "dateTime" else cast(moment, "dateTime").values
    seconds = seconds * 86_400 if moment.data_type == "date" else seconds
    return Column(np.floor(seconds) + _offset(year) * 86_400, "integer")


def _offset(year: Column) -> Floats:
    known = {y: days_before(str(int(y))) for y in set(year.values.tolist()) if 1 <= y <= 9999}
    return np.array([known.get(y, math.nan) for y in year.values.tolist()])


def text_length(columns: Columns) -> Column:
    """Characters of a text."""
    text = cast(columns[0], "string")
    return Column(text.lookup(len, math.nan, np.float64), "integer")
