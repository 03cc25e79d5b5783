"""How much is read: what waits is bounded, and one that is late costs the others nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from foresight.store import Store, pending_intervals, runs
from foresight.store.intervals import CATALOGUE_SCOPE, save_analysed_interval, save_evaluated_interval
from foresight.store.slices import measurements_until, save_rows, spellings
from foresight.store.statuses import newest_statuses
from foresight.store.tables import slice_measurement
from tests.unit.store.rows import T0, evaluate

NUMBERS = {"is_complete": True, "n_planned": 1, "n_stored": 1, "n_quarantined": 0}


def analysed(store: Store, *as_ofs: int, scope: str = CATALOGUE_SCOPE) -> None:
    for as_of in as_ofs:
        store.transact(lambda c, at=as_of: save_analysed_interval(c, at, scope, **NUMBERS))  # type: ignore[misc]


def pending(store: Store) -> list[int]:
    return store.read(lambda c: pending_intervals(c, CATALOGUE_SCOPE))


def test_the_newest_that_wait_are_read_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_PENDING", 5)
    waiting = [T0 + 600 * number for number in range(12)]
    analysed(store, *waiting)
    analysed(store, T0 + 60, scope="a part")
    seen = []
    while found := pending(store):
        seen.append(found)
        store.transact(lambda c, some=found: [save_evaluated_interval(c, t, n_sla=1, n_sli=1) for t in some])  # type: ignore[misc]
    assert seen == [waiting[7:], waiting[2:7], waiting[:2]]


def test_an_interval_that_is_analysed_again_does_not_wait_again(store: Store) -> None:
    analysed(store, T0)
    store.transact(lambda c: save_evaluated_interval(c, T0, n_sla=1, n_sli=1))
    analysed(store, T0)
    assert pending(store) == []


def test_one_that_was_evaluated_before_it_was_analysed_does_not_wait(store: Store) -> None:
    store.transact(lambda c: save_evaluated_interval(c, T0, n_sla=1, n_sli=1))
    analysed(store, T0)
    assert pending(store) == []


def measured(store: Store, cell: str, starts: list[int]) -> None:
    rows = [
        {
            "snssai": "01-A", "cu": "cu", "cell": cell, "granularity_seconds": 900, "period_start": start,
            "sent_as": f"01-A at {start}", "requests": 1.0, "successes": 1.0, "failures": 0.0,
            "sharing": "measured", "is_suspect": False, "source": "s", "counters": {},
        }
        for start in starts
    ]  # fmt: skip
    store.transact(lambda c: save_rows(c, slice_measurement, rows))


@pytest.mark.parametrize("by_key", [0, 1000])
def test_a_late_cell_makes_no_older_periods_of_others_be_read(
    store: Store, monkeypatch: pytest.MonkeyPatch, by_key: int
) -> None:
    monkeypatch.setattr("foresight.store.slices._CELLS_BY_KEY", by_key)
    newest = T0 - T0 % 900
    day = [newest - 900 * number for number in range(96)]
    for cell in ("a", "b", "c"):
        measured(store, cell, day)
    measured(store, "late", day[90:])
    measured(store, "a", [newest + 900])  # of a clock that runs ahead
    wanted = {("01-A", "cu", cell): newest for cell in ("a", "b", "c")} | {("01-A", "cu", "late"): day[90]}
    rows = store.read(lambda c: measurements_until(c, 900, wanted, 7))
    assert len(rows) == 3 * 7 + 6
    assert max(row.period_start.timestamp() for row in rows) == newest
    found = store.read(lambda c: spellings(c, 900, wanted))
    assert found == {cell: f"01-A at {start}" for cell, start in wanted.items()}


def test_the_newest_status_of_each_sla_is_found_however_old(store: Store) -> None:
    for name, as_of in (("a", T0), ("b", T0 - 7200), ("c", T0 - 40 * 86_400), ("c", T0 - 41 * 86_400)):
        evaluate(store, as_of, {"x": "ok"}, name)
    asked: list[str] = []

    def listen(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    found = store.read(lambda c: newest_statuses(c, ["a", "b", "c", "none"]))
    assert found == {T0: ["a"], T0 - 7200: ["b"], T0 - 40 * 86_400: ["c"]}
    event.listen(store.engine, "before_cursor_execute", listen)
    assert store.read(lambda c: newest_statuses(c, ["a"])) == {T0: ["a"]}
    event.remove(store.engine, "before_cursor_execute", listen)
    assert sum("max" in statement for statement in asked) == 2
