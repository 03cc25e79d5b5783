"""SLAs as they stand, and who changed them."""

from __future__ import annotations

from typing import Any

import pytest

from foresight.errors import NotFound
from foresight.store import DEFINITION_LOCK, Store, StoredSla, apply_sla, delete_sla, load_slas
from foresight.store.tables import sla_revision, sli
from tests.unit.store.rows import T0, all_rows, column

SLI = {
    "metric": "m",
    "matchers": [["job", "=", "host"]],
    "lower_bound": 0.0,
    "objective": 0.99,
    "windows_minutes": [60, 180],
}


def definition(revision: str = "r1", name: str = "shop") -> StoredSla:
    return StoredSla(name, "ops", "what", revision, {"name": name, "é": [1]})


def apply(store: Store, given: StoredSla, names: list[str], at: int = T0) -> bool:
    slis: list[dict[str, Any]] = [{"name": name, **SLI} for name in names]
    return store.transact(
        lambda connection: apply_sla(connection, given, slis, applied_at=at, applied_by="me"),
        lock=DEFINITION_LOCK,
    )


def test_an_applied_sla_stands_with_its_indicators_in_order(store: Store) -> None:
    assert apply(store, definition(), ["b", "a"])
    assert [definition()] == store.read(load_slas)
    assert [(row[1], row[2]) for row in all_rows(store, sli)] == [("a", 1), ("b", 0)]


def test_a_bound_of_zero_is_a_bound(store: Store) -> None:
    apply(store, definition(), ["a"])
    assert column(store, sli, "lower_bound") == [0.0]
    assert column(store, sli, "upper_bound") == [None]


def test_applying_what_stands_changes_nothing(store: Store) -> None:
    apply(store, definition(), ["a"])
    assert not apply(store, definition(), ["a"], T0 + 60)
    assert len(all_rows(store, sla_revision)) == 1


def test_another_revision_replaces_the_indicators(store: Store) -> None:
    apply(store, definition(), ["a", "b"])
    apply(store, definition("r2"), ["c"], T0 + 60)
    assert column(store, sli, "name") == ["c"]
    assert [one.revision for one in store.read(load_slas)] == ["r2"]


def test_going_back_to_an_older_revision_is_a_change_of_its_own(store: Store) -> None:
    for late, revision in enumerate(["r1", "r2", "r1"]):
        apply(store, definition(revision), ["a"], T0 + late)
    assert column(store, sla_revision, "revision") == ["r1", "r2", "r1"]


def test_changes_within_one_second_are_all_kept_in_their_order(store: Store) -> None:
    for revision in ("r1", "r2", "r1"):
        apply(store, definition(revision), ["a"])
    store.transact(lambda c: delete_sla(c, "shop", applied_at=T0, applied_by="me"))
    apply(store, definition(), ["a"])
    apply(store, definition(name="other"), ["a"])
    changes = [(row[0], row[1], row[2], row[3]) for row in all_rows(store, sla_revision)]
    assert changes == [
        ("other", 1, "r1", "applied"),
        ("shop", 1, "r1", "applied"),
        ("shop", 2, "r2", "applied"),
        ("shop", 3, "r1", "applied"),
        ("shop", 4, "r1", "deleted"),
        ("shop", 5, "r1", "applied"),
    ]


def test_a_deleted_sla_is_gone_and_its_history_is_not(store: Store) -> None:
    apply(store, definition(), ["a"])
    apply(store, definition(name="other"), ["a"])
    store.transact(lambda c: delete_sla(c, "shop", applied_at=T0 + 60, applied_by="you"))
    assert [one.name for one in store.read(load_slas)] == ["other"]
    assert column(store, sli, "sla_name") == ["other"]
    assert column(store, sla_revision, "action") == ["applied", "applied", "deleted"]


def test_deleting_what_is_not_there_says_so(store: Store) -> None:
    with pytest.raises(NotFound, match="'shop'"):
        store.transact(lambda c: delete_sla(c, "shop", applied_at=T0, applied_by="me"))
