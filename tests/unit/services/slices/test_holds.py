"""Slices held and released by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foresight.errors import InvalidDocument, NotFound
from foresight.services.slices.holds import hold, list_holds, release
from foresight.services.slices.knowledge import load_knowledge
from foresight.store import Store, migrate, open_store

AT = 1_763_798_400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


def is_held(store: Store, *cell: str) -> bool:
    snssai, cu, name = cell
    return store.read(load_knowledge).is_held((snssai, cu, name))


def test_a_slice_is_held_in_any_spelling_until_it_is_released(store: Store) -> None:
    assert hold(store, (" 01-b989bd ", "", ""), at=AT, by="ann", reason="a concert")
    assert not hold(store, ("01-B989BD", "", ""), at=AT + 1, by="bob", reason="still")
    assert is_held(store, "01-B989BD", "cu1", "101")
    assert not is_held(store, "02-FF", "cu1", "101")
    assert release(store, ("01-B989bd", "", ""), at=AT + 2, by="bob", reason="it is over")
    assert not release(store, ("01-B989bd", "", ""), at=AT + 3, by="bob", reason="again")
    assert not is_held(store, "01-B989BD", "cu1", "101")
    [row] = list_holds(store)
    assert (row.is_held, row.changed_by, row.reason) == (False, "bob", "again")


def test_one_cell_or_one_unit_is_held_alone(store: Store) -> None:
    hold(store, ("01-A", "", "101"), at=AT, by="ann", reason="works")
    hold(store, ("01-B", "cu2", ""), at=AT, by="ann", reason="works")
    cells = [
        (s, u, c) for s in ("01-A", "01-B") for u in ("cu1", "cu2") for c in ("101", "NRCellCU=101", "102")
    ]
    assert [cell for cell in cells if is_held(store, *cell)] == [
        ("01-A", "cu1", "101"), ("01-A", "cu1", "NRCellCU=101"), ("01-A", "cu2", "101"),
        ("01-A", "cu2", "NRCellCU=101"), *((("01-B", "cu2", c)) for c in ("101", "NRCellCU=101", "102")),
    ]  # fmt: skip


def test_nothing_is_held_or_released_without_a_reason_or_a_name(store: Store) -> None:
    for cell, reason in ((("01-A", "", ""), " "), ((" ", "", ""), "why"), (("x" * 65, "", ""), "why"),
                         (("01-A", "a\nb", ""), "why"), (("01-A", "", ""), "x" * 1001)):  # fmt: skip
        with pytest.raises(InvalidDocument):
            hold(store, cell, at=AT, by="ann", reason=reason)
    with pytest.raises(NotFound, match="nobody holds slice 01-A"):
        release(store, ("01-a", "", ""), at=AT, by="ann", reason="why")
    assert not list_holds(store)
