"""What decisions go by besides measurements and configuration: inventory, bounds, holds, last changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.slices.envelope import Envelope
from foresight.slices.identifiers import local_id
from foresight.store.slices import Cell, bounds, holds, inventory, last_sent, statuses

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Rows of ``slice_cell``, ``slice_bound``, ``slice_hold``, ``slice_sent`` by key; statuses of slices."""

    cells: Mapping[tuple[str, str], Any]
    bounds: Mapping[Cell, Any]
    holds: Mapping[Cell, Any]
    sent: Mapping[Cell, Any]
    statuses: Mapping[str, bool]

    def _cell(self, cell: Cell) -> Any:
        _, cu, name = cell
        return self.cells.get((cu, name)) or self.cells.get(("", name))

    def local(self, cell: Cell) -> str | None:
        """The id that the consumer knows a cell by: the inventory's, else what its name says."""
        row = self._cell(cell)
        return row.local_id if row is not None and row.local_id else local_id(cell[2])

    def local_ids(self, cells: Sequence[Cell]) -> dict[Cell, str | None]:
        """The same of many cells."""
        return {cell: self.local(cell) for cell in cells}

    def order(self, cell: Cell) -> tuple[str, str, int, str]:
        """Cells of a slice by their ids: ties of the guardrails go to the lowest."""
        local = self.local(cell)
        return cell[0], cell[1], -1 if local is None else int(local), cell[2]

    def ric(self, cell: Cell) -> str | None:
        """The controller that a cell hangs on, where the inventory says so."""
        row = self._cell(cell)
        return None if row is None else row.ric

    def capacity(self, cell: Cell) -> float:
        """Most connections of all slices of a cell; NaN for no limit."""
        row = self._cell(cell)
        return np.nan if row is None or row.capacity is None else float(row.capacity)

    def ambiguous(self, cells: Sequence[Cell]) -> set[Cell]:
        """Cells of one slice and gNB-CU that the consumer could not tell apart."""
        ids = {
            cell: (cell[0], cell[1], int(local)) for cell in cells if (local := self.local(cell)) is not None
        }
        many = {key for key, n in Counter(ids.values()).items() if n > 1}
        return {cell for cell, key in ids.items() if key in many}

    def _bound(self, cell: Cell) -> Any:
        snssai, cu, name = cell
        local = self.local(cell) or name
        keys = ((snssai, cu, name), (snssai, cu, local), (snssai, "", name), (snssai, "", local))
        return next((self.bounds[key] for key in keys if key in self.bounds), None)

    def anchors(
        self, cells: Sequence[Cell], previous: Floats, envelope: Envelope
    ) -> tuple[Floats, dict[Cell, int]]:
        """The anchor of each cell, and those that are new.

        The first configured value; later one outside the envelope: only an operator can lead there.
        """
        found, new = np.full(len(cells), np.nan), {}
        for number, (cell, value) in enumerate(zip(cells, previous.tolist(), strict=True)):
            row = self._bound(cell)
            anchor = None if row is None else row.anchor
            is_inside = anchor is not None and (
                np.ceil(anchor * envelope.floor_share) <= value <= np.floor(anchor * envelope.ceiling_share)
            )
            if not is_inside and value > 0 and value == int(value):
                anchor = new[cell] = int(value)
            found[number] = np.nan if anchor is None else anchor
        return found, new

    def floors_and_ceilings(self, cells: Sequence[Cell]) -> tuple[Floats, Floats]:
        """What somebody set; NaN where it follows from the anchor."""
        rows = [self._bound(cell) for cell in cells]
        floor, ceiling = (
            np.array(
                [np.nan if row is None or getattr(row, name) is None else getattr(row, name) for row in rows]
            )
            for name in ("floor", "ceiling")
        )
        return floor.astype(np.float64), ceiling.astype(np.float64)

    def _held(self, cell: Cell) -> list[Any]:
        snssai, cu, name = cell
        names = {name, self.local(cell) or name}
        keys = [(snssai, "", ""), (snssai, cu, ""), *((snssai, unit, n) for unit in ("", cu) for n in names)]
        return [self.holds[key] for key in keys if key in self.holds]

    def is_held(self, cell: Cell) -> bool:
        """Whether somebody holds a cell, or its slice."""
        return any(row.is_held for row in self._held(cell))

    def attempts(self, cell: Cell, since: float) -> int:
        """Changes sent since the configuration changed (epoch seconds), or since the cell was released."""
        row = self.sent.get(cell)
        released = [each.changed_at.timestamp() for each in self._held(cell) if not each.is_held]
        if row is None or max([since, *released]) > row.sent_at.timestamp():
            return 0
        return int(row.attempts)

    def unchanged_seconds(self, cells: Sequence[Cell], at: int) -> Floats:
        """Seconds since each cell was last sent a change; infinite where it never was."""
        rows = [self.sent.get(cell) for cell in cells]
        return np.array([np.inf if row is None else at - row.as_of.timestamp() for row in rows])


def load_knowledge(connection: Connection) -> Knowledge:
    """Everything known of it now."""
    return Knowledge(
        {(row.cu, row.cell): row for row in inventory(connection)},
        {(row.snssai, row.cu, row.cell): row for row in bounds(connection)},
        {(row.snssai, row.cu, row.cell): row for row in holds(connection)},
        last_sent(connection),
        statuses(connection),
    )
