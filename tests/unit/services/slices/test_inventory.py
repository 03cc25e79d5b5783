"""What people say of cells and slices: loaded, checked line by line, and used by the next decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresight.errors import InvalidDocument
from foresight.services.slices import inventory
from foresight.services.slices.knowledge import load_knowledge
from foresight.store import Store, migrate, open_store
from foresight.store.slices import save_configuration

AT = 1_763_798_400
CELL = ("01-B989BD", "cu1", "ManagedElement=gnb1,NRCellCU=7")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


def test_what_a_file_says_of_a_cell_is_what_decisions_go_by(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    file.write_text(f'cu,cell,cellLocalId,nearRTRICId,capacity\ncu1,"{CELL[2]}",1007,ric-1,250\n,8,,,\n')
    assert inventory.load_cells(store, file, AT) == 2
    known = store.read(load_knowledge)
    assert (known.local(CELL), known.ric(CELL), known.capacity(CELL)) == ("1007", "ric-1", 250)
    other = ("01-B989BD", "cu9", "8")
    assert (known.local(other), known.ric(other), np.isnan(known.capacity(other))) == ("8", None, True)
    assert [row.source for row in inventory.list_cells(store)] == ["cells.csv", "cells.csv"]


def test_floors_ceilings_and_statuses_are_set_in_any_spelling(store: Store) -> None:
    row = {"snssai": " 01-b989bd", "cell": CELL[2], "floor": 40, "ceiling": "90"}
    assert inventory.set_bounds(store, [row], at=AT, source="ann") == 1
    statuses = [{"snssai": "01-b989bd", "active": "no"}, {"snssai": "02-ff", "active": True}]
    assert inventory.set_statuses(store, statuses, at=AT, source="ann") == 2
    known = store.read(load_knowledge)
    floor, ceiling = known.floors_and_ceilings([CELL])
    assert (floor.tolist(), ceiling.tolist()) == ([40], [90])
    assert known.statuses == {"01-B989BD": False, "02-FF": True}


@pytest.mark.parametrize(
    ("load", "text", "complaint"),
    [
        (inventory.load_cells, "cu,cell,cellLocalId\n,1,north", ":2: cellLocalId: a whole number"),
        (inventory.load_cells, "cu,cell,cellLocalId\n,1,2147483648", ":2: cellLocalId"),
        (inventory.load_cells, "cu,cell\n,1\n,1", ":3: cell: given twice"),
        (inventory.load_cells, "cu,cell,capacity\n,1,-4", ":2: capacity"),
        (inventory.load_cells, "cu,capacity\n,1", ":1: header: columns cell are absent"),
        (inventory.load_cells, "cell,color\n1,red", ":1: header: columns color are not known"),
        (inventory.load_cells, "cell,cell\n1,2", ":1: header: columns cell are given twice"),
        (inventory.load_cells, "cu,cell\n,1,2", ":2: line: has more fields"),
        (inventory.load_bounds, "snssai,cell,floor,ceiling\n01-A,1,9,8", ":2: floor: at most the ceiling 8"),
        (inventory.load_bounds, "snssai,cell\n,1", ":2: snssai: 1 to 64"),
        (inventory.load_bounds, f"snssai,cell\n{'x' * 65},1", ":2: snssai: 1 to 64"),
        (inventory.load_statuses, "snssai,active\n01-A,perhaps", ":2: active: one of true"),
        (inventory.load_statuses, "snssai,active\n01-A,1\n 01-a ,0", ":3: snssai: given twice"),
    ],
)
def test_a_wrong_line_is_told_with_its_number_and_nothing_is_changed(
    store: Store, tmp_path: Path, load: Callable[..., Any], text: str, complaint: str
) -> None:
    file = tmp_path / "given.csv"
    file.write_text(text)
    with pytest.raises(InvalidDocument) as caught:
        load(store, file, AT)
    assert f"given.csv{complaint}" in str(caught.value)
    for listed in (inventory.list_cells, inventory.list_bounds, inventory.list_statuses):
        assert listed(store) == []


def test_the_newest_limit_of_each_cell_is_listed(store: Store) -> None:
    for at, value in ((AT, 100), (AT + 900, 120)):
        store.transact(lambda c, at=at, value=value: save_configuration(c, {CELL: value}, at, "service"))  # type: ignore[misc]
    [row] = inventory.list_limits(store)
    assert (row.snssai, row.cu, row.cell, row.connections) == (*CELL, 120)
