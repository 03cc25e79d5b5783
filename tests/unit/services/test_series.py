"""What is told about stored series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from foresight.errors import NotFound
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import series as stored_series
from foresight.store import Store, upsert
from foresight.store.tables import series, series_analysis
from foresight.wiring.connections import results
from foresight.wiring.settings import catalogue
from tests.unit.store.rows import T0, persist

CATALOGUE = """
metrics:
  - {name: short, metric: m, matchers: {i: {regex: "[0-4]"}}, window: 1h}
  - {name: long, metric: m, window: 2h}
"""
KEYS = tuple(SeriesKey.of("m", {"i": str(row)}) for row in range(8))


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Eight series of ``m``, each analysed three times but the last one."""
    (home / "catalogue.yaml").write_text(CATALOGUE)
    monkeypatch.setenv("FORESIGHT_CONFIG", str(home))
    store = results()
    values = np.random.default_rng(1).normal(size=(len(KEYS), 120))
    persist(store, SeriesMatrix(KEYS, Grid(T0, 120), values))
    for at in (1, 2, 0):
        columns = {
            "series_id": [key.id for key in KEYS[:-1]],
            "as_of": T0 - 600 * at,
            "outcome": f"{at} runs ago",
            **dict.fromkeys(("n_observed", "n_missing", "n_nonfinite"), 0),
            **dict.fromkeys(("data_hash", "code_version"), "x"),
        }
        store.transact(lambda connection, columns=columns: upsert(connection, series_analysis, columns))
    return store


@pytest.mark.usefixtures("store")
def test_a_few_are_listed_with_their_newest_outcome_and_the_others_are_counted() -> None:
    found = stored_series.list_series(results(), "m", 3)
    assert [row["series"] for row in found.rows] == [str(key) for key in KEYS[:3]]
    assert {row["outcome"] for row in found.rows} == {"0 runs ago"}
    assert found.n_more == 5
    assert [row["outcome"] for row in stored_series.list_series(results(), None, 50).rows][-2:] == [
        "0 runs ago",
        None,
    ]


@pytest.mark.usefixtures("store")
def test_a_metric_that_has_no_series_is_not_found_and_those_that_have_are_named() -> None:
    with pytest.raises(NotFound, match=r"no series of a metric 'other' is stored; the first metrics are m$"):
        stored_series.list_series(results(), "other", 3)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("metric", [None, "m"])
def test_tables_without_a_series_say_what_stores_them(metric: str | None) -> None:
    with pytest.raises(NotFound, match="no series is stored yet: telemetry_analysis"):
        stored_series.list_series(results(), metric, 3)


def test_outcomes_are_looked_up_for_the_listed_alone(store: Store) -> None:
    query = stored_series.list_query(series.c.metric == "m", 3)
    plain = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
    plan = store.read(lambda c: [row.detail for row in c.execute(text(f"EXPLAIN QUERY PLAN {plain}"))])
    touched = [step for step in plan if "series_analysis" in step]
    assert touched
    assert all(step.startswith("SEARCH") and "series_id=?" in step for step in touched)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("row", "n_slots"), [(2, 60), (6, 120)])
def test_curves_are_those_of_the_entry_that_the_series_fits(row: int, n_slots: int) -> None:
    assert len(stored_series.series_curves(results(), catalogue(), KEYS[row].id)["slot"]) == n_slots


@pytest.mark.usefixtures("store")
def test_a_series_that_fits_no_entry_any_more_has_no_curves(home: Path) -> None:
    (home / "catalogue.yaml").write_text("metrics: [{name: a, metric: m, matchers: {i: '1'}}]")
    with pytest.raises(NotFound, match="no longer watches"):
        stored_series.series_curves(results(), catalogue(), KEYS[2].id)
