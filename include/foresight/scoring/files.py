"""Records from files and into files, by the ending of the file; here JSON lines.

A line that cannot be read is a bad record with its line number, not the end of the run. A file appears under
its name when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from foresight.scoring.csv_files import MAX_LINE, NOT_UTF8, CsvSink, read_csv
from foresight.scoring.file_sink import FileSink
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import RECORD, BadRecord, Record
from foresight.scoring.parquet_files import ParquetSink, read_parquet

__all__ = [
    "READERS",
    "SINKS",
    "CsvSink",
    "FileSink",
    "JsonLinesSink",
    "ParquetSink",
    "read_csv",
    "read_json_lines",
    "read_parquet",
]

_SHOWN = 1000


def read_json_lines(path: Path) -> Iterator[Any]:
    """One JSON value a line; empty lines are skipped, lines that are not JSON are each a ``BadRecord``."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and not line.endswith("\n"):
                shown = line[:_SHOWN]
                while (line := file.readline(MAX_LINE)) and not line.endswith("\n"):
                    pass
                yield BadRecord(
                    {RECORD: _repaired(shown)}, f"line {number} has more than {MAX_LINE} characters"
                )
                continue
            text = line.strip()
            if text:
                yield _read_json(text, number)


def _read_json(text: str, number: int) -> Any:
    if not text.isascii() and NOT_UTF8.search(text):
        return BadRecord({RECORD: _repaired(text)}, f"line {number} is not UTF-8")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        # Slower, and knows NaN, Infinity and integers of any length: for the mapping to name them.
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRecord({RECORD: text}, f"line {number} is not JSON: {error}")


def _repaired(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class JsonLinesSink(FileSink):
    """One JSON object a line."""

    _file: IO[bytes]

    def _open(self, file: IO[bytes]) -> None:
        self._file = file

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        self._file.write(b"".join(to_json(record) + b"\n" for record in records))


READERS: Mapping[str, Callable[[Path], Iterator[Any]]] = {
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
SINKS: Mapping[str, type[FileSink]] = {
    ".csv": CsvSink,
    ".jsonl": JsonLinesSink,
    ".ndjson": JsonLinesSink,
    ".parquet": ParquetSink,
}
