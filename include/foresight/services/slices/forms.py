"""Tables that people fill by hand: each form checks its rows alike, given as values or as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foresight.errors import InvalidDocument, Mistake
from foresight.slices.guardrails import LARGEST_PREVIOUS
from foresight.slices.identifiers import LONGEST_NAME, LONGEST_SLICE, local_id, normal_form

_SHOWN: Final = 40
_YES_NO: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in files, in the table, and how its text is read; ``parse`` raises ``ValueError``.

    A key makes a row unique. A column that ``may_lack`` may be left out, and its cells empty.
    """

    name: str
    stored_as: str
    parse: Callable[[str], Any]
    is_key: bool = False
    may_lack: bool = False


def slice_name(text: str) -> str:
    """A slice in its normal form."""
    return _bounded(normal_form(text), LONGEST_SLICE, 1)


def some_name(text: str) -> str:
    """A name that is there."""
    return _bounded(text, LONGEST_NAME, 1)


def any_name(text: str) -> str:
    """A name, or nothing."""
    return _bounded(text, LONGEST_NAME, 0)


def name_or_none(text: str) -> str | None:
    """A name; None for an empty one."""
    return any_name(text) or None


def consumer_id(text: str) -> str | None:
    """An id that the consumer reads; None for an empty one."""
    if not text:
        return None
    if local_id(text) != text:
        raise ValueError(f"a whole number of at most 31 bits, got {text[:_SHOWN]!r}")
    return text


def connections(text: str) -> int:
    """A number of connections."""
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > LARGEST_PREVIOUS:
        raise ValueError(f"a whole number from 0 to {LARGEST_PREVIOUS}, got {text[:_SHOWN]!r}")
    return int(text)


def connections_or_none(text: str) -> int | None:
    """The same; None for an empty one."""
    return connections(text) if text else None


def yes_or_no(text: str) -> bool:
    """A truth value as people write it."""
    found = _YES_NO.get(text.lower())
    if found is None:
        raise ValueError(f"one of {', '.join(_YES_NO)}, got {text[:_SHOWN]!r}")
    return found


def _bounded(text: str, longest: int, shortest: int) -> str:
    if not shortest <= len(text) <= longest or not text.isprintable():
        raise ValueError(f"{shortest} to {longest} printable characters, got {text[:_SHOWN]!r}")
    return text


Form = Sequence[Column]


def read_form(form: Form, path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file, by the names of the table. Raises ``InvalidDocument`` with every mistake."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDocument([Mistake(name, 0, "", f"cannot be read: {error}")]) from error
    reader = csv.DictReader(text.splitlines())
    names = [column.name for column in form]
    given = [each.strip() for each in reader.fieldnames or ()]
    reader.fieldnames = given
    absent = sorted(column.name for column in form if not column.may_lack and column.name not in given)
    unknown = sorted(each for each in given if each not in names)
    wrong = [f"columns {', '.join(absent)} are absent"] if absent else []
    wrong += [f"columns {', '.join(unknown)} are not known; there are {', '.join(names)}"] if unknown else []
    twice = sorted({each for each in given if given.count(each) > 1})
    wrong += [f"columns {', '.join(twice)} are given twice"] if twice else []
    if wrong:
        raise InvalidDocument([Mistake(name, 1, "header", reason) for reason in wrong])
    return _checked(form, ((reader.line_num, row) for row in reader), name)


def check_form(form: Form, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same of rows given as values by the names of files. Raises ``InvalidDocument``."""
    return _checked(form, enumerate(rows, 1), "row")


def _checked(form: Form, rows: Iterable[tuple[int, Mapping[str, Any]]], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    mistakes: list[Mistake] = []
    seen: set[tuple[Any, ...]] = set()
    for line, row in rows:
        values: dict[str, Any] = {}
        wrong = []
        if None in row:  # what the csv module calls the fields beyond the header
            wrong.append(Mistake(name, line, "line", "has more fields than the header"))
        for column in form:
            text = row.get(column.name)
            try:
                values[column.stored_as] = column.parse("" if text is None else str(text).strip())
            except ValueError as error:
                wrong.append(Mistake(name, line, column.name, str(error)))
        key = tuple(values.get(column.stored_as) for column in form if column.is_key)
        if not wrong and key in seen:
            last = [column.name for column in form if column.is_key][-1]
            wrong.append(Mistake(name, line, last, "given twice"))
        mistakes += wrong
        if not wrong:
            seen.add(key)
            found.append(values)
    if mistakes:
        raise InvalidDocument(mistakes)
    return found
