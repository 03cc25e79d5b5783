"""Runs, intervals and publications."""

from __future__ import annotations

from typing import Any

from foresight.store import (
    Store,
    find_publication,
    latest_as_of,
    pending_intervals,
    save_publication,
    save_run,
    upsert,
)
from foresight.store.tables import analysed_interval, evaluated_interval, run
from tests.unit.store.rows import T0, all_rows, column


def analyse(store: Store, as_of: int, *, is_complete: bool = True, scope: str = "all") -> None:
    columns = {"as_of": as_of, "scope": scope, "is_complete": is_complete}
    counts = {"n_planned": 3, "n_stored": 2, "n_quarantined": 1}
    store.transact(lambda connection: upsert(connection, analysed_interval, columns | counts))


def evaluate(store: Store, as_of: int, scope: str = "all") -> None:
    columns = {"as_of": as_of, "scope": scope, "n_sla": 1, "n_sli": 2}
    store.transact(lambda connection: upsert(connection, evaluated_interval, columns))


def pending(store: Store, scope: str = "all") -> list[int]:
    return store.read(lambda connection: pending_intervals(connection, scope))


def test_an_interval_waits_from_its_analysis_to_its_evaluation(store: Store) -> None:
    for as_of in (T0 + 600, T0, T0 + 1200):
        analyse(store, as_of)
    evaluate(store, T0 + 600)
    assert pending(store) == [T0, T0 + 1200]


def test_an_interval_with_gaps_waits_like_any_other(store: Store) -> None:
    analyse(store, T0, is_complete=False)
    analyse(store, T0 + 600)
    assert pending(store) == [T0, T0 + 600]
    evaluate(store, T0)
    assert pending(store) == [T0 + 600]


def test_scopes_wait_apart(store: Store) -> None:
    analyse(store, T0)
    analyse(store, T0, scope="part")
    evaluate(store, T0)
    assert pending(store) == []
    assert pending(store, "part") == [T0]


def test_the_latest_as_of_of_an_empty_table_is_none(store: Store) -> None:
    assert store.read(lambda connection: latest_as_of(connection, analysed_interval)) is None
    analyse(store, T0)
    analyse(store, T0 - 600)
    assert store.read(lambda connection: latest_as_of(connection, analysed_interval)) == T0


def test_what_is_written_of_a_run_later_keeps_what_was_written_before(store: Store) -> None:
    def save(**fields: Any) -> None:
        store.transact(lambda connection: save_run(connection, "dag", "run", **fields))

    save(kind="manual", state="running", as_of=T0, versions={"foresight": "1"})
    save(state="success", stage_seconds={"extract": 1.5})
    assert len(all_rows(store, run)) == 1
    assert column(store, run, "kind") == ["manual"]
    assert column(store, run, "state") == ["success"]
    assert column(store, run, "versions") == [{"foresight": "1"}]
    assert column(store, run, "stage_seconds") == [{"extract": 1.5}]


def test_a_publication_is_found_by_topic_instant_and_part(store: Store) -> None:
    def save(**fields: Any) -> None:
        store.transact(lambda connection: save_publication(connection, "topic", T0, "0", **fields))

    save(state="pending", n_messages=0, updated_at=T0, start_offsets={"0": 5})
    save(state="published", n_messages=7, updated_at=T0 + 1)
    found = store.read(lambda connection: find_publication(connection, "topic", T0, "0"))
    assert found is not None
    assert (found["state"], found["n_messages"], found["start_offsets"]) == ("published", 7, {"0": 5})
    assert store.read(lambda connection: find_publication(connection, "topic", T0, "1")) is None
