"""Evaluations against an oracle: gauges and ratios, long windows, late samples, downtime, in any order."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import maintenance
from foresight.services.evaluation import evaluate_stored
from foresight.services.samples import store_samples
from foresight.services.slas import stored_sla
from foresight.sla.definition_rows import definition_rows
from foresight.sla.definitions import Budget, Choices, Sla, Sli
from foresight.sla.downtime import Maintenance
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.windows import base_of
from foresight.store import Store, apply_slas, load_matrix, migrate, open_store
from foresight.store.tables import maintenance_change, sli_rollup, sli_status, sli_window
from tests.unit.services.slo_oracle import windows
from tests.unit.store.rows import all_rows

MINUTE, HOUR, DAY = 60, 3600, 86_400
AS_OF = 1_764_300_000 - 1_764_300_000 % HOUR + 25 * MINUTE
GOOD, TOTAL = Expression("good_total", counter=True), Expression("all_total", counter=True)
BAD = Expression("sum(rate(bad_total[{{.window}}]))")
RATE = Expression("sum(rate(all_total[{{.window}}]))")
SHARE = Expression("share")
GOOD_OF_ALL, BAD_OF_ALL = Ratio(good=GOOD, total=TOTAL), Ratio(bad=BAD, total=RATE)
EVENTS = Budget("occurrences")
WINDOWS = (60, 720, 2 * 1440, 3 * 1440)

SLIS = (
    Sli("gauge", "m", 1.0, 4.0, 0.9, windows=WINDOWS),
    Sli("mean", "m", 1.0, 4.0, 0.9, windows=WINDOWS, choices=Choices(across="mean")),
    Sli("sum", "m", None, 7.0, 0.9, windows=WINDOWS, budget=EVENTS, choices=Choices(across="sum")),
    Sli(
        "share", "m", 1.0, 4.0, 0.9, windows=WINDOWS, budget=Budget(slice_target=0.6),
        choices=Choices(across="share"),
    ),
    Sli("sliced", "m", 1.0, 4.0, 0.9, windows=WINDOWS, budget=Budget(slice_minutes=5, slice_target=0.7)),
    Sli("events", objective=0.9, windows=WINDOWS, ratio=GOOD_OF_ALL, budget=EVENTS),
    Sli(
        "slices", objective=0.9, windows=WINDOWS, ratio=Ratio(good=GOOD, total=TOTAL, good_absent="zero"),
        budget=Budget(slice_minutes=10, slice_target=0.5),
    ),
    Sli("rates", objective=0.9, windows=WINDOWS, ratio=BAD_OF_ALL, budget=EVENTS),
    Sli("raw", objective=0.9, windows=WINDOWS, ratio=Ratio(raw=SHARE), budget=Budget(slice_target=0.5)),
)  # fmt: skip
SLA = Sla("all", SLIS)
METRICS = {"m": 2} | {
    each.series_metric(): n for each, n in ((GOOD, 2), (TOTAL, 2), (BAD, 1), (RATE, 1), (SHARE, 1))
}  # fmt: skip


class World:
    """A store, and beside it what it must hold."""

    def __init__(self, store: Store, slis: tuple[Sli, ...] = SLIS) -> None:
        self.store, self.slis = store, slis
        self.frame: dict[tuple[str, str], pd.Series] = {}
        self.down: list[Maintenance] = []
        sla = Sla("all", slis)
        store.transact(
            lambda c: apply_slas(c, [(stored_sla(sla), definition_rows(sla))], applied_at=0, applied_by="me")
        )

    def arrive(self, metric: str, host: str, grid: Grid, values: np.ndarray) -> None:
        """Samples, new or revised; a missing one replaces nothing."""
        key = SeriesKey.of(metric, {"host": host})
        matrix = SeriesMatrix((key,), grid, values[None].astype(np.float64))

        def work(connection: object) -> None:
            store_samples(connection, matrix, ["default"], grid.n_slots)  # type: ignore[arg-type]

        self.store.transact(work)
        new = pd.Series(values, index=grid.ends)
        before = self.frame.get((metric, host), pd.Series(dtype=float))
        self.frame[metric, host] = new.dropna().combine_first(before)

    def plan(self, window: Maintenance) -> None:
        maintenance.add(self.store, window, by="me", at=AS_OF + DAY)
        self.down = [each for each in self.down if each.name != window.name] + [window]

    def evaluate(self, as_of: int) -> None:
        assert evaluate_stored(self.store, ["all"], as_of).set_aside == {}

    def differences(self, as_of: int) -> list[str]:
        """What the stored windows have that the oracle has not."""
        frame = {key: series.to_dict() for key, series in self.frame.items()}
        columns = sli_window.c
        query = select(sli_window).where(columns.as_of == as_of)
        rows = {
            (row["sli_name"], row["window_minutes"]): row
            for row in self.store.read(lambda c: c.execute(query).mappings().all())
        }
        spans = [span for each in self.down for span in each.intervals(as_of - 40 * DAY, as_of)]
        found = []
        for sli in self.slis:
            for minutes in sli.windows:
                tracks = windows(sli, frame, as_of, minutes, spans).values()
                row = rows[sli.name, minutes]
                if not any(_same(sli, row, track) for track in tracks):
                    found.append(f"{sli.name} {minutes}: {dict(row)} is none of {list(tracks)}")
        return found


def _same(sli: Sli, row: object, track: object) -> bool:
    counted = [row["n_observed"], row["n_violated"], row["n_no_traffic"], row["n_excluded"]]  # type: ignore[index]
    expected = [track.observed, track.violated, track.no_traffic, track.excluded]  # type: ignore[attr-defined]
    if counted != expected:
        return False
    if row["total_events"] is None:  # type: ignore[index]
        return True
    events = [row["good_events"], row["total_events"]]  # type: ignore[index]
    return events == pytest.approx([track.good, track.total], rel=1e-12, abs=1e-12)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slo") / "results.db"
    store = open_store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    yield from opened(template, tmp_path / "results.db")


def opened(template: Path, path: Path) -> Iterator[Store]:
    path.write_bytes(template.read_bytes())
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


def values_of(metric: str, n_slots: int, rng: np.random.Generator) -> np.ndarray:
    if metric in {GOOD.series_metric(), TOTAL.series_metric()}:
        steps = rng.integers(0, 3 if metric == GOOD.series_metric() else 5, n_slots) * (
            rng.random(n_slots) < 0.8
        )
        values = np.cumsum(steps).astype(float)
        for reset in rng.integers(0, n_slots, 2):
            values[reset:] -= values[reset]
    elif metric == "m":
        values = np.round(rng.normal(2.5, 1.2, n_slots), 2)
    else:
        values = np.round(rng.random(n_slots), 3) * (rng.random(n_slots) < 0.9)
    values[rng.random(n_slots) < 0.1] = np.nan
    return values


def fill(world: World, grid: Grid, rng: np.random.Generator) -> None:
    for metric, n_hosts in METRICS.items():
        for host in range(n_hosts):
            world.arrive(metric, f"h{host}", grid, values_of(metric, grid.n_slots, rng))


def test_every_window_of_every_kind_is_that_of_the_oracle(store: Store) -> None:
    world = World(store)
    fill(world, Grid(AS_OF, 3 * 1440 + 777), np.random.default_rng(1))
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []


def shuffled(chance: np.random.Generator, as_ofs: list[int]) -> list[int]:
    return [as_ofs[at] for at in chance.permutation(len(as_ofs))]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_late_and_revised_samples_downtime_and_backfills_in_any_order(
    template: Path, tmp_path: Path, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    for store in opened(template, tmp_path / f"{uuid.uuid4().hex}.db"):
        world = World(store, tuple(replace(sli, windows=(720, 1500)) for sli in SLIS))
        rng = np.random.default_rng(seed + 1)
        fill(world, Grid(AS_OF - 6 * HOUR, 3000), rng)
        as_ofs = [AS_OF - n * 37 * MINUTE for n in (0, 5, 33)]
        for number, as_of in enumerate([*as_ofs, *shuffled(chance, as_ofs)[:2]]):
            kind = chance.choice(["late", "revised", "downtime", "nothing"])
            if kind in {"late", "revised"}:
                fill(world, Grid(as_of, 300 if kind == "late" else 600), rng)
            elif kind == "downtime":
                start = as_of - int(chance.integers(10, 3000)) * MINUTE
                world.plan(Maintenance(f"w{number % 2}", start, int(chance.integers(1, 300)) * MINUTE, "all"))
            world.evaluate(as_of)
        for as_of in shuffled(chance, as_ofs):
            world.evaluate(as_of)
            assert world.differences(as_of) == []


def test_thirty_days_are_counted_once_and_then_read_from_hours(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = (720, 30 * 1440)
    slis = (
        Sli("gauge", "m", 1.0, 4.0, 0.9, windows=month),
        Sli(
            "events",
            objective=0.9,
            windows=month,
            ratio=Ratio(good=GOOD, total=TOTAL),
            budget=Budget("occurrences"),
        ),
    )
    world = World(store, slis)
    rng = np.random.default_rng(4)
    grid = Grid(AS_OF, 31 * 1440)
    for metric in ("m", GOOD.series_metric(), TOTAL.series_metric()):
        world.arrive(metric, "h0", grid, values_of(metric, grid.n_slots, rng))
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []
    hours = [row for row in all_rows(store, sli_rollup) if row[1] == 1]
    n_hours = (base_of(AS_OF) - (AS_OF - 30 * DAY)) // HOUR + 1
    assert len(hours) == 3 * n_hours, "a gauge has its series, and a mark"
    fill(world, Grid(AS_OF + 10 * MINUTE, 30), rng)
    read: list[int] = []

    def counting(connection: Connection, keys: Sequence[SeriesKey], grid: Grid) -> SeriesMatrix:
        read.append(grid.n_slots)
        return load_matrix(connection, keys, grid)

    monkeypatch.setattr("foresight.services.history.load_matrix", counting)
    world.evaluate(AS_OF + 10 * MINUTE)
    assert world.differences(AS_OF + 10 * MINUTE) == []
    assert max(read) == 721
    assert sum(read) <= 2 * 721 + 4 * 61, "the counts, the risk, and an hour with a changed slot"


def test_downtime_in_the_past_leaves_a_row_and_is_counted_out_of_long_windows(store: Store) -> None:
    world = World(store, (SLIS[0],))
    fill(world, Grid(AS_OF, 3 * 1440), np.random.default_rng(2))
    world.evaluate(AS_OF)
    weekly = Maintenance("sundays", AS_OF - 2 * DAY, 2 * HOUR, "all", rule="FREQ=DAILY;COUNT=2")
    world.plan(weekly)
    assert [row[2] for row in all_rows(store, maintenance_change)] == ["added"]
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []
    [excluded] = [row for row in _windows(store, AS_OF) if row["window_minutes"] == 3 * 1440]
    assert excluded["n_excluded"] == 2 * 120
    maintenance.delete(store, "sundays", by="me", at=AS_OF)
    world.down = []
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []


def test_an_sli_in_downtime_is_in_maintenance_unless_its_budget_is_spent(store: Store) -> None:
    slis = (Sli("kept", "m", 0.0, 10.0, 0.9), Sli("spent", "m", 5.0, 10.0, 0.9))
    world = World(store, slis)
    world.arrive("m", "h0", Grid(AS_OF, 720), np.full(720, 2.0))
    world.plan(Maintenance("now", AS_OF - 2 * MINUTE, HOUR, "all"))
    world.evaluate(AS_OF)
    states = {row[1]: row[3] for row in all_rows(store, sli_status)}
    assert states == {"kept": "maintenance", "spent": "violated"}


def _windows(store: Store, as_of: int) -> list[dict[str, object]]:
    query = select(sli_window).where(sli_window.c.as_of == as_of)
    return store.read(lambda c: [dict(row) for row in c.execute(query).mappings()])
