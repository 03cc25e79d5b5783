"""What is configured now: asked of the configuration service for all cells at once, else from the table.

The last answer of the service is in the table, with its time: where it does not answer, that one counts, as
old as it is.
"""

from __future__ import annotations

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

from foresight.services.slices.forms import read_form
from foresight.services.slices.inventory import LIMITS
from foresight.slices.identifiers import local_id
from foresight.slices.service import ConfigurationService
from foresight.store import Store
from foresight.store.slices import CONFIGURATION_LOCK, Cell, read_configuration, save_configuration

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

SERVICE: Final = "service"
SENT: Final = "sent"
"""Source of a value that was sent where nothing can be read back."""
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
        index = np.maximum(np.searchsorted(begun, ends[number], side="right") - 1, 0)
        values[number] = np.array([row.connections for row in rows], np.float64)[index]
        last = rows[int(index[-1])]
        since[number] = last.since.timestamp()
        read_at[number] = last.read_at.timestamp() if last.source == SERVICE else np.nan
    return Configured(values, read_at, since)


def load_file(store: Store, path: Path, at: int) -> tuple[int, int]:
    """Makes the limits of a CSV file hold; says how many there are and how many are new or changed.

    Columns ``snssai, cu, cell, maxNumberOfConns``; an empty ``cu`` means every gNB-CU. Raises
    ``InvalidDocument`` with every mistake, and then changes nothing.
    """
    rows = read_form(LIMITS, path)
    values = {(row["snssai"], row["cu"], row["cell"]): row["connections"] for row in rows}
    source = path.name[-255:]
    changed = store.transact(
        lambda connection: save_configuration(connection, values, at, source), lock=CONFIGURATION_LOCK
    )
    return len(values), changed
