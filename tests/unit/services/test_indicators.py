"""What a run notes of SLIs is what an evaluation finds in samples, and is forgotten when they change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from foresight.errors import FinalError
from foresight.forecasting.parameters import ForecastParameters
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import maintenance
from foresight.services.indicator_risks import forecast_with_risks
from foresight.services.indicators import note_indicators
from foresight.services.samples import store_samples
from foresight.sla.definitions import Matcher, Sla, Sli
from foresight.sla.downtime import Maintenance
from foresight.sla.matching import chosen
from foresight.sla.windows import is_one_by_one
from foresight.store import Store, load_matrix
from foresight.store.risks import save_risks
from foresight.store.tables import sli_count, sli_risk, sli_rollup, sli_status, sli_window
from tests.unit.services.test_long_windows import (
    AS_OF,
    DAY,
    HOUR,
    METRICS,
    MINUTE,
    SLIS,
    World,
    fill,
    opened,
    shuffled,
    template,
)
from tests.unit.store.rows import all_rows

__all__ = ["template"]


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    yield from opened(template, tmp_path / "results.db")


def note(world: World, as_of: int) -> None:
    """What a telemetry run does that finds every series alive: it holds what is stored."""
    grid = Grid(as_of, 720)
    keys = tuple(
        SeriesKey.of(metric, {"host": f"h{host}"}) for metric, n in METRICS.items() for host in range(n)
    )
    matrix = world.store.read(lambda connection: load_matrix(connection, keys, grid))
    slas = [Sla("all", world.slis)]
    alone = chosen(slas, lambda _, sli: is_one_by_one(sli))
    _, risks = forecast_with_risks(matrix, alone, ForecastParameters(), as_of)
    if risks:
        world.store.transact(lambda connection: save_risks(connection, risks["sli_risk"]))
    note_indicators(world.store, slas, matrix, matrix, at=as_of)


def written(store: Store, as_of: int) -> list[list[Any]]:
    """Rows of an evaluation, without what may differ by rounding: the risk."""
    tables = []
    for table in (sli_status, sli_window):
        names = [column.name for column in table.c if column.name not in RISKS]
        query = select(*(table.c[name] for name in names)).where(table.c.as_of == as_of)
        rows = store.read(lambda c, q=query, t=table: c.execute(q.order_by(*t.primary_key)).all())
        tables.append([[_plain(value) for value in row] for row in rows])
    return tables


RISKS = {
    "probability", "components", "expected_first_slot", "predicted", "model", "mase", "calibrator",
    "expected_violated_minutes", "expected_cost", "has_default_limits", "probability_reason", "details",
    "state",
}  # fmt: skip


def _plain(value: Any) -> Any:
    return float(f"{value:.12g}") if isinstance(value, float) else value


def test_an_evaluation_after_a_run_reads_no_samples_and_says_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store)
    fill(world, Grid(AS_OF, 3 * 1440 + 777), np.random.default_rng(1))
    world.evaluate(AS_OF)
    from_samples = written(store, AS_OF)
    note(world, AS_OF)

    def none(*_: object) -> None:
        raise AssertionError("samples are read")

    monkeypatch.setattr("foresight.services.history.load_matrix", none)
    world.evaluate(AS_OF)
    assert written(store, AS_OF) == from_samples
    assert world.differences(AS_OF) == []
    rows = {row.sli_name: row for row in _rows(store, sli_status)}
    risks = {(row.sli_name, row.series_id): row for row in _rows(store, sli_risk)}
    assert {name for name, _ in risks} == {sli.name for sli in SLIS}
    for name, row in rows.items():
        risk = risks[name, row.worst_series_id or 0]
        assert (row.probability, row.predicted, row.model) == (risk.probability, risk.predicted, risk.model)
        assert (row.probability is None) == (row.probability_reason is not None)


@pytest.mark.parametrize("change", ["samples", "downtime", "less downtime"])
def test_what_was_noted_is_forgotten_with_what_it_rests_on_or_not_at_all(store: Store, change: str) -> None:
    world = World(store, tuple(replace(sli, windows=(720, 1500)) for sli in SLIS))
    fill(world, Grid(AS_OF, 1600), np.random.default_rng(2))
    window = Maintenance("w", AS_OF - 3 * HOUR, HOUR, "all")
    if change == "less downtime":
        world.plan(window)
    note(world, AS_OF)
    world.evaluate(AS_OF)
    before = [len(all_rows(store, table)) for table in (sli_count, sli_rollup)]
    matrix = SeriesMatrix((SeriesKey.of("m", {"host": "h0"}),), Grid(AS_OF - HOUR, 30), np.full((1, 30), 9.0))

    def write(connection: Any) -> None:
        if change == "samples":
            store_samples(connection, matrix, ["default"], 30)

    def killed(connection: Any) -> None:
        write(connection)
        raise FinalError("killed before the commit")

    if change == "samples":
        with pytest.raises(FinalError, match="killed"):
            store.transact(killed)
        assert before == [len(all_rows(store, table)) for table in (sli_count, sli_rollup)]
        world.arrive("m", "h0", matrix.grid, matrix.values[0])
    elif change == "downtime":
        world.plan(window)
    else:
        maintenance.delete(store, "w", by="me", at=AS_OF + DAY)
        world.down = []
    after = [len(all_rows(store, table)) for table in (sli_count, sli_rollup)]
    assert after[0] == 0
    assert after[1] < before[1]
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_runs_and_evaluations_in_any_order_give_the_rows_of_the_oracle(
    template: Path, tmp_path: Path, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    for store in opened(template, tmp_path / f"{uuid.uuid4().hex}.db"):
        world = World(store, tuple(replace(sli, windows=(720, 1500)) for sli in SLIS))
        rng = np.random.default_rng(seed + 1)
        fill(world, Grid(AS_OF - 6 * HOUR, 2400), rng)
        as_ofs = [AS_OF - n * 37 * MINUTE for n in (0, 5, 33)]
        for number, as_of in enumerate(shuffled(chance, as_ofs)):
            if chance.random() < 0.7:
                fill(world, Grid(as_of, int(chance.integers(20, 700))), rng)
            if chance.random() < 0.3:
                start = as_of - int(chance.integers(10, 2000)) * MINUTE
                world.plan(Maintenance(f"w{number}", start, int(chance.integers(1, 200)) * MINUTE, "all"))
            note(world, as_of)
            if chance.random() < 0.5:
                world.evaluate(as_of)
        for as_of in shuffled(chance, as_ofs):
            world.evaluate(as_of)
            assert world.differences(as_of) == []


def test_an_sli_that_was_applied_after_the_run_is_counted_from_samples(store: Store) -> None:
    world = World(store, (SLIS[0],))
    fill(world, Grid(AS_OF, 800), np.random.default_rng(3))
    note(world, AS_OF)
    store.transact(lambda connection: connection.execute(delete(sli_count)))
    world.evaluate(AS_OF)
    late = written(store, AS_OF)
    note(world, AS_OF)
    world.evaluate(AS_OF)
    assert written(store, AS_OF) == late


def test_an_sli_that_nothing_matches_is_known_to_have_been_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, (Sli("none", "m", 0.0, 1.0, 0.9, (Matcher("host", "=", "nobody"),), (60, 1500)),))
    fill(world, Grid(AS_OF, 2000), np.random.default_rng(3))
    world.evaluate(AS_OF)
    note(world, AS_OF)
    monkeypatch.setattr("foresight.services.history.load_matrix", None)
    world.evaluate(AS_OF)
    [row] = _rows(store, sli_status)
    assert (row.state, row.n_series, row.probability_reason) == ("no_data", 0, "no_data")


def _rows(store: Store, table: Any) -> list[Any]:
    query = select(table).where(table.c.as_of == AS_OF).order_by(*table.primary_key)
    return store.read(lambda connection: connection.execute(query).all())
