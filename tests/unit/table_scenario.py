"""Tables to be scored and to be scored into, on any database; and a run over them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from foresight.orchestration.scoring import steps as scoring_steps
from foresight.store import Store
from foresight.store.outside import find_table
from foresight.wiring.connections import open_database

PLACES = {"source": "table:flowers", "good": "table:scored", "bad": "table:rejected"}
PARAMS = {
    "deployment": "iris", "field_mapping": None, "bundle_size": 7, "workers": 2, "queue_size": None,
    "batch_size": 40, "minutes": 5, "stream": None, **PLACES,
}  # fmt: skip
COLUMNS = "sepal_length DOUBLE, sepal_width DECIMAL(5,2), petal_length DOUBLE, petal_width DOUBLE"


def run(number: int = 1, **params: Any) -> dict[str, Any]:
    """What a run of ``batch_scoring`` answers."""
    due = datetime(2026, 1, 1, tzinfo=UTC)
    dag_run = SimpleNamespace(dag_id="batch_scoring", run_id=f"r{number}", run_after=due)
    return scoring_steps.score_batches({"dag_run": dag_run, "params": PARAMS | params})


def make_flowers(store: Store, first: int, last: int, step: int = 3) -> None:
    """Rows with gaps between their keys; every tenth has no petal width."""
    create = f"CREATE TABLE IF NOT EXISTS flowers (id INTEGER PRIMARY KEY, {COLUMNS}, seen DATETIME)"
    insert = "INSERT INTO flowers VALUES (%s, 5.1, 3.5, 1.4, %s, '2026-01-01 00:00:00')"

    def work(connection: Any) -> None:
        connection.exec_driver_sql(create)
        for number in range(first, last):
            width = "NULL" if number % 10 == 0 else "0.2" if number % 2 else "2.1"
            connection.exec_driver_sql(insert % (number * step, width))

    store.transact(work)


def rows(store: Store, name: str) -> list[Any]:
    """All rows of a table, by batch and key."""

    def work(connection: Any) -> list[Any]:
        table = find_table(connection, name)
        assert table is not None
        found = connection.execute(select(table)).mappings().all()
        return sorted((dict(row) for row in found), key=lambda row: int(row["position"].split(":")[-1]))

    return store.read(work)


def check_table_to_table() -> None:
    """A table is scored into two, once; a next run takes what is new."""
    store = open_database("results")
    make_flowers(store, 0, 100)
    found = run()
    assert (found["read"], found["good"], found["bad"]) == (100, 90, 10)
    good, bad = rows(store, "scored"), rows(store, "rejected")
    assert [int(row["position"]) for row in good] == [3 * n for n in range(100) if n % 10]
    assert [int(row["position"]) for row in bad] == [3 * n for n in range(0, 100, 10)]
    assert {row["prediction"]["PredictedValue"] for row in good} == {"setosa", "virginica"}
    assert {(row["record"]["sepal_width"], row["error"]) for row in good} == {(3.5, None)}
    assert good[0]["record"]["seen"] == "2026-01-01T00:00:00"
    assert all("petal_width" in row["error"] and row["prediction"] is None for row in bad)
    assert {row["batch"] for row in good} == {1, 2, 3}
    make_flowers(store, 100, 110)
    assert run(2)["read"] == 10
    assert run(3)["read"] == 0
    assert len(rows(store, "scored")) + len(rows(store, "rejected")) == 110
    store.close()
