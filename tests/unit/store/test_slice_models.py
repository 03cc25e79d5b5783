"""Models of slices: registered once, one in use for each target, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from foresight.errors import FinalError, NotFound
from foresight.store import Store
from foresight.store import slice_models as registry
from foresight.store.tables import slice_model
from tests.unit.store.rows import T0, all_rows


def register(store: Store, version: str, target: str = "reference") -> bool:
    fields = {
        "version": version, "sha256": version, "target": target, "source": "trained", "is_better": True,
        "reason": "better", "registered_at": T0, "metrics": {}, "card": {}, "document": "AAAA",
    }  # fmt: skip
    return store.transact(lambda connection: registry.register(connection, fields, "me"))


def promote(store: Store, version: str) -> str | None:
    return store.transact(lambda c: registry.promote(c, version, at=T0, by="me", reason="better"))


def roll_back(store: Store, target: str = "reference", expected: str | None = None) -> tuple[str, str]:
    return store.transact(
        lambda c: registry.roll_back(c, target, at=T0, by="me", reason="worse", expected=expected)
    )


def in_use(store: Store, target: str = "reference") -> str | None:
    row: Any = store.read(lambda connection: registry.find_champion(connection, target))
    return row and row.version


def test_the_same_model_is_registered_once(store: Store) -> None:
    assert register(store, "aa1")
    promote(store, "aa1")
    assert not register(store, "aa1")
    assert in_use(store) == "aa1"


def test_one_model_is_in_use_for_each_target(store: Store) -> None:
    for version, target in (("aa1", "reference"), ("bb2", "reference"), ("cc3", "forward")):
        register(store, version, target)
    assert (promote(store, "aa1"), promote(store, "cc3"), promote(store, "bb")) == (None, None, "aa1")
    assert (in_use(store), in_use(store, "forward")) == ("bb2", "cc3")
    assert sorted(row.state for row in store.read(registry.list_models)) == [
        "champion",
        "champion",
        "retired",
    ]


def test_going_back_twice_goes_back_by_two_and_no_further(store: Store) -> None:
    for version in ("a", "b", "c"):
        register(store, version)
        promote(store, version)
    assert [roll_back(store), roll_back(store)] == [("c", "b"), ("b", "a")]
    with pytest.raises(FinalError, match="none was in use before"):
        roll_back(store)
    assert in_use(store) == "a"
    promote(store, "c")
    assert roll_back(store) == ("c", "a")


def test_every_change_is_kept_with_who_and_why(store: Store) -> None:
    register(store, "a")
    promote(store, "a")
    promote(store, "a")
    changes = store.read(lambda connection: registry.list_changes(connection, "reference"))
    assert [(row.number, row.action, row.changed_by) for row in changes] == [
        (2, "promoted", "me"), (1, "registered", "me"),
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["", "x", "a%"])
def test_a_version_that_is_not_one_model_is_refused(store: Store, version: str) -> None:
    register(store, "a1")
    register(store, "a2")
    with pytest.raises(NotFound, match="there are a1, a2"):
        promote(store, version)
    assert {row[2] for row in all_rows(store, slice_model)} == {"reference"}


def test_a_request_to_go_back_that_is_repeated_goes_back_once(store: Store) -> None:
    for version in "abc":
        register(store, version)
        promote(store, version)
    assert roll_back(store, expected="c") == ("c", "b")
    with pytest.raises(FinalError, match="model b is in use for reference now, not c: nothing was changed"):
        roll_back(store, expected="c")
    with pytest.raises(FinalError, match="no model is in use for forward now, not c"):
        roll_back(store, "forward", expected="c")
    found = store.read(lambda c: registry.find_champion(c, "reference"))
    assert found is not None
    assert found.version == "b"
