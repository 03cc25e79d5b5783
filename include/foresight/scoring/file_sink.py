"""Files that appear under their name when they are complete."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from foresight.files import move_into_place, open_aside
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import ERROR, PREDICTION, Record

OTHERS: Final = "OtherFields"
"""The column that holds, as JSON, the fields for which a table has no column of their own."""


class FileSink:
    """Writes records aside, in the folder of the file, until the file is complete; call it with records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside: list[tuple[Path, IO[bytes]]] = []

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open(self.aside())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
                move_into_place(*self._aside.pop(), self.path)
        finally:
            for path, file in self._aside:
                with suppress(OSError):
                    file.close()
                path.unlink(missing_ok=True)

    def aside(self) -> IO[bytes]:
        """A new file beside the target; the newest one takes its name in the end."""
        path, file = open_aside(self.path)
        self._aside.append((path, file))
        return file

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        raise NotImplementedError

    def _open(self, file: IO[bytes]) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """Write what is left."""


class Columns:
    """The columns of a table that grows: those of the first records, and later ones up to a bound.

    Twice the fields of the widest record and a few hundred: whoever names a field anew in each record gets
    them together in one column.
    """

    _SPARE: Final = 256

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._widest = 0

    def add(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Makes room for rows; gives them with every field in a column."""
        self._widest = max(self._widest, *map(len, rows))
        most = 2 * self._widest + self._SPARE
        fresh = [name for row in rows if not row.keys() <= self.names.keys() for name in row]
        if not self.names:
            self.names = {**dict.fromkeys(fresh[:most]), ERROR: None}
            # The reason is the last column, whichever record had one first.
            self.names.pop(ERROR)
            self.names[ERROR] = None
        left_out = False
        for name in fresh:
            if name not in self.names and len(self.names) < most:
                self.names[name] = None
            left_out = left_out or name not in self.names
        if not left_out:
            return rows
        self.names.setdefault(OTHERS)
        return [self._folded(row) for row in rows]

    def _folded(self, row: dict[str, Any]) -> dict[str, Any]:
        others = {name: value for name, value in row.items() if name not in self.names}
        if not others:
            return row
        return {**{name: row[name] for name in row if name in self.names}, OTHERS: to_json(others).decode()}


def without_stale(record: Record) -> Record:
    """A record without the columns of an earlier prediction, ``Prediction.<field>``."""
    if any(name.startswith(f"{PREDICTION}.") for name in record):
        return {name: value for name, value in record.items() if not name.startswith(f"{PREDICTION}.")}
    return record
