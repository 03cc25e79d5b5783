"""Records from files and into files: CSV, JSON lines, Parquet.

A line that cannot be read is a bad record with its line number, not the end of the run. Files are written
aside and renamed when they are complete.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.outcome import PREDICTION, RECORD, BadRecord, Record

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_PARQUET_ROWS = 10_000


def read_csv(path: Path, *, missing: Sequence[str] = ("",)) -> Iterator[Any]:
    """Rows by the names of the header line; texts, with None for those in ``missing``.

    A byte order mark is skipped; lines end in LF, CR LF or CR; an empty file has no records. A row with
    fewer or more cells than the header, and one that is not UTF-8, is a ``BadRecord``.
    """
    absent = frozenset(missing)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, strict=False)
        header = next(rows, None)
        if header is None:
            return
        _check_header(header, path)
        n = len(header)
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield BadRecord({}, f"line {rows.line_num} is not CSV: {error}")
                continue
            if row is None:
                return
            if len(row) == n:
                record: dict[str, str | None] = dict(zip(header, row, strict=True))
                if not "".join(row).isascii() and _NOT_UTF8.search("".join(row)):
                    yield BadRecord(
                        dict(zip(header, map(_repaired, row), strict=True)), _not_utf8(rows.line_num)
                    )
                    continue
                if not absent.isdisjoint(row):
                    record = {name: None if cell in absent else cell for name, cell in record.items()}
                yield record
            elif row:
                cells = {name: _repaired(cell) for name, cell in zip(header, row, strict=False)}
                yield BadRecord(cells, f"line {rows.line_num} has {len(row)} cells, the header {n}")


def _check_header(header: list[str], path: Path) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidMapping(f"{path}: columns named twice in the header: {', '.join(twice)}")


def _not_utf8(line: int) -> str:
    return f"line {line} is not UTF-8"


def _repaired(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_json_lines(path: Path) -> Iterator[Any]:
    """One JSON value a line; empty lines are skipped, lines that are not JSON are each a ``BadRecord``."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if text:
                yield _read_json(text, number)


def _read_json(text: str, number: int) -> Any:
    if _NOT_UTF8.search(text):
        return BadRecord({RECORD: _repaired(text)}, _not_utf8(number))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        # Slower, and knows NaN, Infinity and integers of any length: for the mapping to name them.
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRecord({RECORD: text}, f"line {number} is not JSON: {error}")


def read_parquet(path: Path) -> Iterator[Any]:
    """The rows of a Parquet file, a batch in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_PARQUET_ROWS):
            yield from batch.to_pylist()


READERS: Mapping[str, Callable[[Path], Iterator[Any]]] = {
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}


class FileSink:
    """A file under another name until it is complete; call it with records."""

    def __init__(self, path: Path) -> None:
        self.path, self._aside = path, path.with_name(f".{path.name}.part")

    def __enter__(self) -> Self:
        self._aside.parent.mkdir(parents=True, exist_ok=True)
        self._open(self._aside)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._close()
        if kind is None:
            self._aside.replace(self.path)
        else:
            self._aside.unlink(missing_ok=True)

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        raise NotImplementedError

    def _open(self, path: Path) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class JsonLinesSink(FileSink):
    """One JSON object a line."""

    _file: IO[bytes]

    def _open(self, path: Path) -> None:
        self._file = path.open("wb")

    def _close(self) -> None:
        self._file.close()

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        self._file.write(b"".join(_line(record) for record in records))


def _line(record: Record) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError):
        return json.dumps(record, default=str).encode() + b"\n"


class CsvSink(FileSink):
    """Columns from the first records, a prediction as ``Prediction.<field>``; no fields may come later."""

    _file: IO[str]
    _writer: csv.DictWriter[str] | None = None

    def _open(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")

    def _close(self) -> None:
        self._file.close()

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        flat = [_flat(record) for record in records]
        if self._writer is None and flat:
            self._writer = csv.DictWriter(
                self._file, list(dict.fromkeys(name for row in flat for name in row))
            )
            self._writer.writeheader()
        if self._writer is not None:
            try:
                self._writer.writerows(flat)
            except ValueError as error:
                raise InvalidMapping(f"{self.path}: a later record has other fields: {error}") from error


def _flat(record: Record) -> Record:
    prediction = record.get(PREDICTION)
    if not isinstance(prediction, Mapping):
        return record
    rest = {name: value for name, value in record.items() if name != PREDICTION}
    return {**rest, **{f"{PREDICTION}.{name}": value for name, value in prediction.items()}}


class ParquetSink(FileSink):
    """Rows with the types of the first records; ``Prediction`` is a struct."""

    _path: Path
    _writer: pq.ParquetWriter | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows: list[Record] = []

    def _open(self, path: Path) -> None:
        self._path = path

    def _close(self) -> None:
        self._flush()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, pa.schema([]))
        self._writer.close()

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        self._rows += records
        if len(self._rows) >= _PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        try:
            table = pa.Table.from_pylist(self._rows, schema=self._writer.schema if self._writer else None)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InvalidMapping(f"{self.path}: records of different types: {error}") from error
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
        self._rows = []


SINKS: Mapping[str, type[FileSink]] = {
    ".csv": CsvSink,
    ".jsonl": JsonLinesSink,
    ".ndjson": JsonLinesSink,
    ".parquet": ParquetSink,
}
