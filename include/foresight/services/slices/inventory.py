"""What people say of cells and slices: ids and controllers, floors and ceilings, which slices are active.

Each table is set by a service function or a CSV file with the same columns, checked alike; rows that are
there are replaced, the others stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table

from foresight.errors import InvalidDocument, Mistake
from foresight.services.slices import forms
from foresight.services.slices.forms import Column, Form, check_form, read_form
from foresight.store import Store
from foresight.store.slices import PREDICTION_LOCK, Rows, list_rows, save_rows
from foresight.store.tables import slice_bound, slice_cell, slice_configuration, slice_status

_CU: Final = Column("cu", "cu", forms.any_name, is_key=True, may_lack=True)
_CELL: Final = Column("cell", "cell", forms.some_name, is_key=True)
_SLICE: Final = Column("snssai", "snssai", forms.slice_name, is_key=True)

CELLS: Final[Form] = (
    _CU,
    _CELL,
    Column("cellLocalId", "local_id", forms.consumer_id, may_lack=True),
    Column("nearRTRICId", "ric", forms.name_or_none, may_lack=True),
    Column("capacity", "capacity", forms.connections_or_none, may_lack=True),
)
"""Id at the consumer, controller and joint capacity of a cell."""
BOUNDS: Final[Form] = (
    _SLICE,
    _CU,
    _CELL,
    Column("floor", "floor", forms.connections_or_none, may_lack=True),
    Column("ceiling", "ceiling", forms.connections_or_none, may_lack=True),
    Column("anchor", "anchor", forms.connections_or_none, may_lack=True),
)
"""Fewest and most connections of a slice in a cell; where empty, they follow from the anchor."""
STATUSES: Final[Form] = (_SLICE, Column("active", "is_active", forms.yes_or_no))
"""Whether a slice is managed."""
LIMITS: Final[Form] = (_SLICE, _CU, _CELL, Column("maxNumberOfConns", "connections", forms.connections))
"""What is configured, where no service says so."""


def set_cells(store: Store, rows: Iterable[Mapping[str, Any]], *, at: int, source: str) -> int:
    """Sets what is known of cells; ``rows`` have the columns of ``CELLS``. Says how many there were.

    ``at``: epoch seconds; ``source``: who says so. Raises ``InvalidDocument`` and then changes nothing.
    """
    return _save(store, slice_cell, check_form(CELLS, rows), "changed_at", at, source)


def set_bounds(store: Store, rows: Iterable[Mapping[str, Any]], *, at: int, source: str) -> int:
    """Sets floors and ceilings, as ``set_cells`` does; columns of ``BOUNDS``."""
    return _save(store, slice_bound, _ordered(check_form(BOUNDS, rows)), "changed_at", at, source)


def set_statuses(store: Store, rows: Iterable[Mapping[str, Any]], *, at: int, source: str) -> int:
    """Sets which slices are active, as ``set_cells`` does; columns of ``STATUSES``."""
    return _save(store, slice_status, check_form(STATUSES, rows), "read_at", at, source)


def load_cells(store: Store, path: Path, at: int) -> int:
    """The same as ``set_cells`` from a CSV file."""
    return _save(store, slice_cell, read_form(CELLS, path), "changed_at", at, path.name)


def load_bounds(store: Store, path: Path, at: int) -> int:
    """The same as ``set_bounds`` from a CSV file."""
    return _save(store, slice_bound, _ordered(read_form(BOUNDS, path), path), "changed_at", at, path.name)


def load_statuses(store: Store, path: Path, at: int) -> int:
    """The same as ``set_statuses`` from a CSV file."""
    return _save(store, slice_status, read_form(STATUSES, path), "read_at", at, path.name)


def list_cells(store: Store) -> Rows:
    """Everything that is known of cells, by gNB-CU and cell."""
    return store.read(lambda connection: list_rows(connection, slice_cell))


def list_bounds(store: Store) -> Rows:
    """Every anchor, floor and ceiling, by slice, gNB-CU and cell."""
    return store.read(lambda connection: list_rows(connection, slice_bound))


def list_statuses(store: Store) -> Rows:
    """Every slice of which is known whether it is active."""
    return store.read(lambda connection: list_rows(connection, slice_status))


def list_limits(store: Store) -> list[Any]:
    """The limit that holds of each slice in each cell: the newest that was read."""
    newest = {
        (row.snssai, row.cu, row.cell): row
        for row in store.read(lambda connection: list_rows(connection, slice_configuration))
    }
    return list(newest.values())


def _ordered(rows: list[dict[str, Any]], path: Path | None = None) -> list[dict[str, Any]]:
    """Refuses bounds that nothing lies between."""
    name = "row" if path is None else str(path)
    mistakes = [
        Mistake(name, number, "floor", f"at most the ceiling {row['ceiling']}, got {row['floor']}")
        for number, row in enumerate(rows, 1 if path is None else 2)
        if None not in (row["floor"], row["ceiling"]) and row["floor"] > row["ceiling"]
    ]
    if mistakes:
        raise InvalidDocument(mistakes)
    return rows


def _save(store: Store, table: Table, rows: list[dict[str, Any]], when: str, at: int, source: str) -> int:
    made = [row | {when: at, "source": source[-255:]} for row in rows]

    def work(connection: Connection) -> int:
        return save_rows(connection, table, made)

    return store.transact(work, lock=PREDICTION_LOCK)
