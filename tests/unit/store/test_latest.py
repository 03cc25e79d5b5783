"""The newest status of each SLI in one row, whatever the order in which intervals are evaluated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from foresight.store import Store, migrate, open_store, save_statuses
from foresight.store.latest import risk
from foresight.store.tables import sli_latest
from tests.unit.store.rows import T0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


def save(store: Store, as_of: int, states: dict[str, tuple[str, float | None]], sla: str = "shop") -> None:
    """Statuses of an SLA at an instant, each with two windows, the longer of which fires an alert."""
    n, names = len(states), list(states)
    head = {"sla_name": [sla] * n, "sli_name": names, "as_of": as_of}
    slis = head | {
        "state": [state for state, _ in states.values()],
        "probability": [probability for _, probability in states.values()],
        "revision": "x",
        "n_series": [2] * n,
    }
    twice = {name: [each for each in names for _ in (1, 2)] for name in ("sli_name",)}
    windows = twice | {
        "sla_name": [sla] * 2 * n, "as_of": as_of, "window_minutes": [60, 720] * n, "n_observed": 1,
        "n_missing": 0, "n_violated": 0, "burn_rate": [1.0, 2.0] * n, "good_share": [0.9, 0.8] * n,
        "budget_left_share": [0.1, 0.2] * n, "is_budget_below_one_slot": False, "n_violations": 0,
        "is_list_cut": False, "violations": [[]] * 2 * n, "is_calendar": [False] * 2 * n,
        "is_alerting": [False, True] * n,
    }  # fmt: skip
    slas = {
        "sla_name": [sla], "as_of": as_of, "state": "ok", "revision": "x", "n_sli": n, "n_ok": 0,
        "n_violated": 0, "n_at_risk": 0, "n_no_data": 0,
    }  # fmt: skip
    save_statuses(store, as_of, [sla], slas, slis, windows if n else {name: [] for name in windows})


def rows(store: Store) -> list[dict[str, Any]]:
    query = select(sli_latest).order_by(*sli_latest.primary_key)
    return store.read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])


def test_a_row_has_the_window_of_the_budget_and_whether_any_alert_fires(store: Store) -> None:
    save(store, T0, {"a": ("violated", 0.25), "b": ("ok", None)})
    first, second = rows(store)
    assert (first["risk"], second["risk"]) == (2.25, 0.0)
    assert (first["window_minutes"], first["burn_rate"], first["budget_left_share"]) == (720, 2.0, 0.2)
    assert (first["is_alerting"], first["n_series"], first["as_of"].timestamp()) == (True, 2, T0)


def test_the_newest_counts_whatever_the_order(store: Store, tmp_path: Path) -> None:
    at_each = {T0 + 600 * step: {"a": ("ok", step / 10), "b": ("violated", 0.5)} for step in range(5)}
    for as_of, states in at_each.items():
        save(store, as_of, states)
    expected = rows(store)
    other = open_store(f"sqlite:///{tmp_path}/other.db")
    migrate(other)
    order = list(at_each)
    random.Random(1).shuffle(order)  # noqa: S311 - no secret
    for as_of in [*order, *order[:2]]:
        save(other, as_of, at_each[as_of])
    assert rows(other) == expected
    other.close()


def test_an_sli_that_is_evaluated_no_more_at_that_instant_goes(store: Store) -> None:
    save(store, T0, {"a": ("ok", 0.1), "b": ("ok", 0.1)})
    save(store, T0, {"a": ("violated", 0.1)})
    assert [(row["sli_name"], row["state"]) for row in rows(store)] == [("a", "violated")]


def test_other_slas_are_left_alone(store: Store) -> None:
    save(store, T0, {"a": ("ok", 0.1)}, sla="other")
    save(store, T0, {"a": ("ok", 0.1)})
    assert [row["sla_name"] for row in rows(store)] == ["other", "shop"]


def test_the_violated_come_first_and_then_the_likely() -> None:
    assert risk("violated", None) > risk("at_risk", 1.0) > risk("ok", 0.5) > risk("no_data", None) == 0.0
