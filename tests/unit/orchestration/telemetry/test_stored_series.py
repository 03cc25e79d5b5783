"""What is told about stored series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from foresight.errors import FinalError, NotFound
from foresight.grid import Grid
from foresight.orchestration.connections import open_results, prepare_results, read_results
from foresight.orchestration.telemetry import stored_series
from foresight.series import SeriesKey, SeriesMatrix
from foresight.store import Store, expected_revision, migrate, stored_revision, upsert
from foresight.store.tables import series, series_analysis
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
    store = prepare_results()
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
    found = stored_series.listed("m", 3)
    assert [row["series"] for row in found.rows] == [str(key) for key in KEYS[:3]]
    assert {row["outcome"] for row in found.rows} == {"0 runs ago"}
    assert found.n_more == 5
    assert [row["outcome"] for row in stored_series.listed(None, 50).rows][-2:] == ["0 runs ago", None]


@pytest.mark.usefixtures("store")
def test_a_metric_that_has_no_series_is_not_found_and_those_that_have_are_named() -> None:
    with pytest.raises(NotFound, match=r"no series of a metric 'other' is stored; the first metrics are m$"):
        stored_series.listed("other", 3)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("metric", [None, "m"])
def test_tables_without_a_series_say_what_stores_them(metric: str | None) -> None:
    prepare_results()
    with pytest.raises(NotFound, match="no series is stored yet: telemetry_analysis"):
        stored_series.listed(metric, 3)


def test_outcomes_are_looked_up_for_the_listed_alone(store: Store) -> None:
    query = stored_series.listing(series.c.metric == "m", 3)
    plain = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
    plan = store.read(lambda c: [row.detail for row in c.execute(text(f"EXPLAIN QUERY PLAN {plain}"))])
    touched = [step for step in plan if "series_analysis" in step]
    assert touched
    assert all(step.startswith("SEARCH") and "series_id=?" in step for step in touched)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("row", "n_slots"), [(2, 60), (6, 120)])
def test_curves_are_those_of_the_entry_that_the_series_fits(row: int, n_slots: int) -> None:
    assert len(stored_series.curves_of(KEYS[row].id)["slot"]) == n_slots


@pytest.mark.usefixtures("store")
def test_a_series_that_fits_no_entry_any_more_has_no_curves(home: Path) -> None:
    (home / "catalogue.yaml").write_text("metrics: [{name: a, metric: m, matchers: {i: '1'}}]")
    with pytest.raises(NotFound, match="no longer watches"):
        stored_series.curves_of(KEYS[2].id)


@pytest.mark.usefixtures("home")
def test_who_only_asks_makes_no_tables() -> None:
    with pytest.raises(NotFound, match="nothing is stored yet"):
        stored_series.listed(None, 50)
    assert open_results().read(stored_revision) is None


@pytest.mark.usefixtures("home")
def test_who_only_asks_leaves_older_tables_as_they_are_and_says_what_to_do() -> None:
    migrate(open_results(), "0003")
    with pytest.raises(FinalError, match=f"at revision 0003.* needs {expected_revision()}.*sla apply"):
        read_results()
    assert open_results().read(stored_revision) == "0003"
