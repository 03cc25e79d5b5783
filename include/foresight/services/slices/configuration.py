"""What is configured now: asked of the configuration service for all cells at once, else from the table.

The last answer of the service is in the table, with its time: where it does not answer, that one counts, as
old as it is.
"""

from __future__ import annotations

import csv
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.errors import InvalidDocument, Mistake
from foresight.slices.guardrails import LARGEST_PREVIOUS
from foresight.slices.identifiers import LONGEST_NAME, LONGEST_SLICE, local_id, normal_form
from foresight.slices.service import ConfigurationService
from foresight.store import Store
from foresight.store.slices import CONFIGURATION_LOCK, Cell, read_configuration, save_configuration

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

SERVICE: Final = "service"
SENT: Final = "sent"
"""Source of a value that was sent where nothing can be read back."""
COLUMNS: Final = ("snssai", "cu", "cell", "maxNumberOfConns")
LATEST: Final = 2**31 - 1
"""Epoch seconds that nothing was configured after."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What is configured for some cells, in their order.

    ``connections`` ``[n_cells, n_periods]``, NaN where unknown; ``read_at`` ``[n_cells]``, epoch seconds of
    the newest value, NaN where unknown or where it came from a file, which holds until it is replaced.
    ``since`` ``[n_cells]``: from when on the newest value holds, NaN where unknown.
    """

    connections: Floats
    read_at: Floats
    since: Floats

    def age_seconds(self, at: int) -> Floats:
        """How old the newest value of each cell is."""
        return np.where(np.isnan(self.read_at), 0.0, np.maximum(at - self.read_at, 0.0))


def refresh(
    store: Store,
    service: ConfigurationService | None,
    cells: Sequence[Cell],
    asked_as: Mapping[Cell, Cell] | None = None,
) -> Counter[str]:
    """Asks the service for these cells and stores what it says; counts what it did not say, by reason.

    ``asked_as``: the slice and cell as the service knows them, where that is not how they are stored.
    """
    if service is None or not cells:
        return Counter()
    names = {cell: (asked_as or {}).get(cell, cell) for cell in cells}
    answers, refused = service.fetch(list(dict.fromkeys(names.values())))
    found = {cell: answers[name] for cell, name in names.items() if name in answers}
    failed = {cell: refused[name] for cell, name in names.items() if name in refused}
    at = int(time.time())
    if found:
        store.transact(
            lambda connection: save_configuration(connection, found, at, SERVICE), lock=CONFIGURATION_LOCK
        )
    counts = Counter(type(error).__name__ for error in failed.values())
    if failed:
        first = next(iter(failed.values()))
        log.warning("%d of %d cells have no answer of %s: %s", len(failed), len(cells), service.url, first)
    return counts


def configured_of(
    connection: Connection,
    cells: Sequence[Cell],
    ends: NDArray[np.int64],
    local_ids: Mapping[Cell, str | None] | None = None,
) -> Configured:
    """What was configured when each period ended; ``ends`` ``[n_cells, n_periods]`` in epoch seconds, rising.

    Before the first value that is known, that one counts. A value for one gNB-CU goes before one for all, and
    one under a cell's name before one under its id at the consumer (``local_ids``).
    """
    values, read_at = np.full(ends.shape, np.nan), np.full(len(cells), np.nan)
    since = np.full(len(cells), np.nan)
    by_key: dict[Cell, list[Any]] = {}
    for row in read_configuration(connection, int(ends.min(initial=LATEST))):
        by_key.setdefault((row.snssai, row.cu, row.cell), []).append(row)
    for number, (snssai, cu, cell) in enumerate(cells):
        local = (local_ids or {}).get((snssai, cu, cell)) or local_id(cell) or cell
        keys = ((snssai, cu, cell), (snssai, cu, local), (snssai, "", cell), (snssai, "", local))
        rows = next((by_key[key] for key in keys if key in by_key), None)
        if rows is None:
            continue
        begun = np.array([row.since.timestamp() for row in rows])
        place = np.maximum(np.searchsorted(begun, ends[number], side="right") - 1, 0)
        values[number] = np.array([row.connections for row in rows], np.float64)[place]
        last = rows[int(place[-1])]
        since[number] = last.since.timestamp()
        read_at[number] = last.read_at.timestamp() if last.source == SERVICE else np.nan
    return Configured(values, read_at, since)


def load_file(store: Store, path: Path, at: int) -> tuple[int, int]:
    """Makes the limits of a CSV file hold; says how many there are and how many are new or changed.

    Columns ``snssai, cu, cell, maxNumberOfConns``; an empty ``cu`` means every gNB-CU. Raises
    ``InvalidDocument`` with every mistake, and then changes nothing.
    """
    values, mistakes = _read_file(path)
    if mistakes:
        raise InvalidDocument(mistakes)
    source = path.name[-255:]
    changed = store.transact(
        lambda connection: save_configuration(connection, values, at, source), lock=CONFIGURATION_LOCK
    )
    return len(values), changed


def _read_file(path: Path) -> tuple[dict[Cell, int], list[Mistake]]:
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDocument([Mistake(name, 0, "", f"cannot be read: {error}")]) from error
    reader = csv.DictReader(text.splitlines())
    absent = {column for column in COLUMNS if column != "cu"} - set(reader.fieldnames or ())
    if absent:
        raise InvalidDocument([Mistake(name, 1, "", f"columns {', '.join(sorted(absent))} are absent")])
    values: dict[Cell, int] = {}
    mistakes: list[Mistake] = []
    for row in reader:
        line = reader.line_num
        given = (row["snssai"] or "", row.get("cu") or "", row["cell"] or "")
        cell = (normal_form(given[0]), given[1].strip(), given[2].strip())
        wrong = _mistakes(name, line, cell, row["maxNumberOfConns"])
        if cell in values:
            wrong.append(Mistake(name, line, "cell", "given twice"))
        mistakes += wrong
        if not wrong:
            values[cell] = int(row["maxNumberOfConns"])
    return values, mistakes


def _mistakes(file: str, line: int, cell: Cell, given: Any) -> list[Mistake]:
    found = []
    for column, value, longest in zip(
        COLUMNS, cell, (LONGEST_SLICE, LONGEST_NAME, LONGEST_NAME), strict=False
    ):
        if len(value) > longest or (not value and column != "cu") or not value.isprintable():
            found.append(Mistake(file, line, column, f"1 to {longest} characters, got {value[:40]!r}"))
    text = (given or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > LARGEST_PREVIOUS:
        reason = f"a whole number from 0 to {LARGEST_PREVIOUS}, got {text[:40]!r}"
        found.append(Mistake(file, line, "maxNumberOfConns", reason))
    return found
