"""CSV in and out.

A line that cannot be read is a bad record with its number. A file whose header cannot be right is refused
once, before its lines are.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.file_sink import Columns, FileSink, without_stale
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import PREDICTION, RECORD, BadRecord, Record

NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
MAX_LINE: Final = 16 * 1024 * 1024
"""Most characters of a line that are held."""
MAX_RECORD: Final = 256 * 1024
"""Most characters of lines that one quoted cell joins."""
_SHOWN: Final = 1000
_SEPARATORS: Final = {";": "';'", "\t": "a tab", "|": "'|'"}


class _Lines:
    """The lines of a file one by one, and those of the record under way once more."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._again = file, deque[str]()
        self._taken: list[str] = []
        self._size = 0
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._size > MAX_RECORD:
            raise StopIteration
        line = self._again.popleft() if self._again else self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self._taken.append(line)
        self._size += len(line)
        self.number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            self._taken[-1] = line[:_SHOWN]
            while (rest := self._file.readline(MAX_LINE)) and rest[-1] not in "\r\n":
                pass
            raise csv.Error(f"it has more than {MAX_LINE} characters")
        return line

    def begin(self) -> int:
        """A record begins; gives the number of its first line."""
        self._taken.clear()
        self._size = 0
        return self.number + 1

    def give_back(self) -> int:
        """Gives every line but the first again; how many those are."""
        rest = self._taken[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        return len(rest)

    @property
    def first(self) -> str:
        """The first line of the record."""
        return self._taken[0] if self._taken else ""

    @property
    def n_taken(self) -> int:
        """Lines of the record."""
        return len(self._taken)


def read_csv(path: Path, *, missing: Sequence[str] = ("",), wanted: Sequence[str] = ()) -> Iterator[Any]:
    """Rows by the names of the header line; texts, with None for those in ``missing``.

    A byte order mark is skipped; lines end in LF, CR LF or CR; an empty file has no records. A row with
    fewer or more cells than the header, one that is not UTF-8, and one whose quotes do not close is a
    ``BadRecord``. Raises ``InvalidMapping`` for a header that lacks a column of ``wanted``, or cannot be one.
    """
    absent = frozenset(missing)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        rows = csv.reader(lines, strict=True)
        try:
            header = next(rows, None)
        except csv.Error as error:
            raise InvalidMapping(f"{path}: the header is not CSV: {error}") from error
        if header is None:
            return
        _check_header(header, path, wanted)
        while True:
            start = lines.begin()
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield _broken(lines, start, error)
                continue
            if row is None:
                return
            if lines.n_taken > 1 and len(row) != len(header):
                yield _broken(lines, start, "its quotes do not close")
            elif row:
                yield _record(row, header, absent, start)


def _broken(lines: _Lines, start: int, why: Any) -> BadRecord:
    """The first line of what is no record. The lines that a quote has swallowed come again."""
    text = _repaired(lines.first[:_SHOWN]).rstrip("\r\n")
    if lines.give_back():
        why = "it has a quote that does not close"
    return BadRecord({RECORD: text}, f"line {start} is not CSV: {why}")


def _record(row: list[str], header: list[str], absent: frozenset[str], start: int) -> Any:
    if len(row) != len(header):
        cells = {name: _repaired(cell) for name, cell in zip(header, row, strict=False)}
        return BadRecord(cells, f"line {start} has {len(row)} cells, the header {len(header)}")
    text = "".join(row)
    if not text.isascii() and NOT_UTF8.search(text):
        return BadRecord(dict(zip(header, map(_repaired, row), strict=True)), f"line {start} is not UTF-8")
    if absent.isdisjoint(row):
        return dict(zip(header, row, strict=True))
    return {name: None if cell in absent else cell for name, cell in zip(header, row, strict=True)}


def _repaired(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _check_header(header: list[str], path: Path, wanted: Sequence[str]) -> None:
    """Raises ``InvalidMapping`` with all that is wrong with the header, in one message."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidMapping(f"{path}: columns named twice in the header: {', '.join(twice)}")
    lacking = [name for name in wanted if name not in header]
    text = header[0]
    if text.lower().startswith("sep="):
        raise InvalidMapping(f"{path}: line 1 is {text!r:.40}: remove it, and separate cells by ','")
    if "\0" in "".join(header) or text.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        raise InvalidMapping(f"{path}: the file is UTF-16: save it as UTF-8")
    if len(header) == 1 and (lacking or not wanted):
        for separator, shown in _SEPARATORS.items():
            if separator in text:
                raise InvalidMapping(
                    f"{path}: the header is one column, {text!r:.80}: its cells are separated by {shown}, "
                    "write ','"
                )
    if lacking:
        raise InvalidMapping(f"{path}: the header {_lacks(header, lacking)}")


def _lacks(header: list[str], lacking: Sequence[str]) -> str:
    close = {name.strip().casefold(): name for name in header}
    found = []
    for name in lacking[:10]:
        near = close.get(name.strip().casefold())
        found.append(f"{name!r}" + (f" (it has {near!r}: write it alike)" if near is not None else ""))
    more = f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
    return f"has no column {', '.join(found)}{more}; it has {', '.join(map(repr, header[:20]))}"


class CsvSink(FileSink):
    """Columns of the first records and ``PredictionError``; a prediction is ``Prediction.<field>``.

    Fields that come later get columns, too: then the file is written once more, with the longer header.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._columns = Columns()
        self._n_header = 0

    def _open(self, file: IO[bytes]) -> None:
        self._file = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="", write_through=True)
        self._writer = csv.writer(self._file)

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        rows = self._columns.add([_flat(record) for record in records]) if records else []
        names = list(self._columns.names)
        if rows and not self._n_header:
            self._n_header = len(names)
            self._writer.writerow(names)
        self._writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])

    def _finish(self) -> None:
        self._file.flush()
        names = list(self._columns.names)
        if len(names) > self._n_header:
            self._rewrite(names)
        self._file.detach()

    def _rewrite(self, names: list[str]) -> None:
        """The rows behind a header of all columns; those that lacked some get empty cells."""
        before = self._file
        before.seek(0)
        self._open(self.aside())
        limit = csv.field_size_limit(2**31 - 1)  # what was written is read, however long
        try:
            rows = csv.reader(before)
            next(rows)
            self._writer.writerow(names)
            self._writer.writerows([*row, *[""] * (len(names) - len(row))] for row in rows)
        finally:
            csv.field_size_limit(limit)
            before.detach()
        self._file.flush()


def _flat(record: Record) -> Record:
    prediction = record.get(PREDICTION)
    rest = without_stale(record)
    if not isinstance(prediction, Mapping):
        return rest
    rest = {name: value for name, value in rest.items() if name != PREDICTION}
    return {**rest, **{f"{PREDICTION}.{name}": value for name, value in prediction.items()}}


def _cell(value: Any) -> Any:
    """A cell; None, and what is not finite, leave it empty."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is float:
        return value if value - value == 0.0 else None
    text = to_json(value).decode()
    return None if text == "null" else text[1:-1] if text[0] == '"' and text.count("\\") == 0 else text
