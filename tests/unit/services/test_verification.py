"""Verification against an oracle of plain loops: outcomes, sums, leads, what is not judged, judging again."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from foresight.forecasting.verification import EDGES, bin_of
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import maintenance
from foresight.services.samples import store_samples
from foresight.services.verification import newest_final, verify_due, verify_hour
from foresight.sla.downtime import Maintenance
from foresight.store import Store, migrate, open_store, upsert
from foresight.store.tables import risk_day, risk_feature, risk_hour, sli_risk, verified_hour
from tests.unit.services.sla_scene import AS_OF, SLA, fill, spikes
from tests.unit.store.rows import all_rows

HOUR = AS_OF - 2 * 3600
"""The hour that is final at AS_OF."""
KEYS = [SeriesKey.of("load", {"host": f"h{at}"}) for at in range(3)]


def values() -> np.ndarray:
    found = spikes(3, 300, seed=4)
    found[1, -140:-130] = np.nan
    found[2, -115] = np.nan
    return found


def made_up(rng: np.random.Generator, horizon: int = 10) -> list[dict[str, Any]]:
    """Predictions of every ten minutes of two hours, with what a run would have known."""
    rows, samples, start = [], values(), AS_OF - 300 * 60
    for as_of in range(HOUR - 2 * 3600 + 600, HOUR + 1, 600):
        for sli in SLA.slis:
            for series, key in enumerate(KEYS):
                newest = samples[series, (as_of - start) // 60 - 1]
                said = None if rng.random() < 0.1 else float(np.round(rng.random() ** 3, 3))
                rows.append({
                    "as_of": as_of, "sla_name": "shop", "sli_name": sli.name, "sli_revision": sli.counting,
                    "series_id": key.id, "horizon_minutes": horizon, "probability": said,
                    "expected_first_slot": None if said is None else as_of + 60 * int(rng.integers(1, 11)),
                    "is_outside_now": bool(newest > sli.upper), "lower_bound": None, "upper_bound": sli.upper,
                    "model": "naive" if series else "median", "calibrator": "shipped-1",
                    "computed_at": as_of + int(rng.choice([30, 30, 30, 30, 90 * 60])),
                })  # fmt: skip
    return rows


def store_rows(store: Store, table: Any, rows: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    store.transact(lambda connection: upsert(connection, table, columns))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    fill(opened, values())
    yield opened
    opened.close()


def stored(store: Store, table: Any) -> list[dict[str, Any]]:
    return store.read(lambda c: [dict(row) for row in c.execute(select(table)).mappings()])


def oracle(rows: list[dict[str, Any]], samples: np.ndarray, down: tuple[int, int] = (0, 0)) -> Any:
    """Counts by kind, and sums by key, hour by hour as one person would do it by hand."""
    start, counts, sums = AS_OF - 300 * 60, defaultdict(int), defaultdict(lambda: defaultdict(float))
    begins: dict[Any, Any] = {}
    for row in rows:
        if not HOUR - 3600 < row["as_of"] <= HOUR:
            continue
        series = [key.id for key in KEYS].index(row["series_id"])
        slots = [row["as_of"] + 60 * step for step in range(1, row["horizon_minutes"] + 1)]
        ahead = [samples[series, (slot - start) // 60 - 1] for slot in slots]
        out = [step for step, value in enumerate(ahead, 1) if value > row["upper_bound"]]
        said = row["probability"]
        if row["computed_at"] > row["as_of"] + 60 * row["horizon_minutes"]:
            kind = "late"
        elif said is None:
            kind = "silent"
        elif row["is_outside_now"]:
            kind = "outside"
        elif any(down[0] < slot <= down[1] for slot in slots):
            kind = "downtime"
        elif not out and any(math.isnan(value) for value in ahead):
            kind = "unknown"
        else:
            kind = "judged"
        counts[kind] += 1
        if kind != "judged":
            continue
        place = max(at for at, edge in enumerate(EDGES[:-1]) if said >= edge)
        total = sums[row["sli_name"], row["model"], place]
        safe = min(max(said, 1e-6), 1 - 1e-6)
        total["n"] += 1
        total["n_violated"] += bool(out)
        total["sum_said"] += said
        total["sum_brier"] += (said - bool(out)) ** 2
        total["sum_log_loss"] -= math.log(safe if out else 1 - safe)
        if out:
            total["n_minutes"] += 1
            slot = row["as_of"] + 60 * out[0]
            total["sum_minutes_off"] += abs(row["expected_first_slot"] - slot) / 60
            begins[row["sli_name"], row["series_id"], slot] = (row, place)
    for (sli, series_id, slot), (last, place) in begins.items():
        total, since = sums[sli, last["model"], place], None
        mine = [r for r in rows if (r["sli_name"], r["series_id"]) == (sli, series_id)]
        for row in sorted(mine, key=lambda row: -row["as_of"]):
            if row["as_of"] > last["as_of"]:
                continue
            if row["probability"] is None or row["probability"] < 0.5:
                break
            since = row["as_of"]
        total["n_begun"] += 1
        total["n_foretold"] += since is not None
        total["sum_lead_minutes"] += 0 if since is None else (slot - since) / 60
    return dict(counts), sums


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_sums_are_those_of_a_plain_loop(store: Store, seed: int) -> None:
    rows = made_up(np.random.default_rng(seed))
    store_rows(store, sli_risk, rows)
    down = Maintenance("night", HOUR - 1800, 300, sla="shop")
    maintenance.add(store, down, by="me", at=AS_OF)
    found = verify_hour(store, HOUR)
    counts, sums = oracle(rows, values(), (HOUR - 1800, HOUR - 1500))
    kinds = ("judged", "unknown", "downtime", "outside", "silent", "late")
    assert {kind: getattr(found, f"n_{kind}") for kind in kinds} == {
        kind: counts.get(kind, 0) for kind in kinds
    }
    assert found.n_predicted == sum(counts.values()) == 36
    assert counts["downtime"] > 0
    for table in (risk_hour, risk_day):
        got = {(row["sli_name"], row["model"], row["bin"]): row for row in stored(store, table)}
        assert set(got) == set(sums)
        for key, total in sums.items():
            for name in (column.name for column in table.c if column.name.startswith(("n", "sum"))):
                assert got[key][name] == pytest.approx(total[name]), (key, name)
            assert got[key]["metric"] == "load"


def test_judging_twice_and_hours_in_any_order_change_nothing(store: Store) -> None:
    rows = made_up(np.random.default_rng(1))
    store_rows(store, sli_risk, rows)
    hours = (HOUR - 3600, HOUR)
    for hour in (*reversed(hours), *hours):
        verify_hour(store, hour)
    once = {table.name: all_rows(store, table) for table in (risk_hour, risk_day, verified_hour)}
    for hour in reversed(hours):
        verify_hour(store, hour)
    assert {table.name: all_rows(store, table) for table in (risk_hour, risk_day, verified_hour)} == once
    n_hours = sum(row["n"] for row in stored(store, risk_hour))
    assert sum(row["n"] for row in stored(store, risk_day)) == n_hours


def test_an_hour_is_judged_again_when_its_samples_have_come_and_only_then(store: Store) -> None:
    rows = [
        row | {"computed_at": row["as_of"], "probability": 0.3} for row in made_up(np.random.default_rng(2))
    ]
    store_rows(store, sli_risk, rows)
    assert newest_final(AS_OF) == HOUR
    assert [each.hour for each in verify_due(store, AS_OF)] == [HOUR, HOUR - 3600]
    first = {row["hour"]: row for row in stored(store, verified_hour)}
    unknown = sum(row["n_unknown"] for row in first.values())
    assert unknown > 0
    assert [each.hour for each in verify_due(store, AS_OF)] == [HOUR]
    late = spikes(3, 300, seed=4)
    matrix = SeriesMatrix(tuple(KEYS), Grid(AS_OF, 300), late)
    store.transact(lambda connection: store_samples(connection, matrix, ["default"] * 3, 300))
    assert HOUR - 3600 in [each.hour for each in verify_due(store, AS_OF + 3600)]
    assert sum(row["n_unknown"] for row in stored(store, verified_hour)) == 0


def test_only_what_was_stored_then_is_judged(store: Store) -> None:
    rows = [row | {"computed_at": row["as_of"] + 601} for row in made_up(np.random.default_rng(3))]
    store_rows(store, sli_risk, rows)
    found = verify_hour(store, HOUR)
    assert (found.n_late, found.n_judged) == (36, 0)
    assert stored(store, risk_hour) == []


def test_no_prediction_at_all_is_an_hour_of_zeros(store: Store) -> None:
    found = verify_hour(store, HOUR)
    assert found.n_predicted == found.n_judged == 0
    assert stored(store, risk_day) == []


def test_a_computed_row_is_judged_on_the_definition_it_was_predicted_for(store: Store) -> None:
    mean = replace(SLA.slis[0], name="mean", choices=replace(SLA.slis[0].choices, across="mean"))
    fill(store, values(), sla=replace(SLA, slis=(mean,)))
    base = made_up(np.random.default_rng(1))[-1] | {
        "series_id": 0, "sli_name": "mean", "sli_revision": mean.counting, "upper_bound": 25.0,
        "probability": 0.9, "is_outside_now": False, "computed_at": HOUR,
    }  # fmt: skip
    rows = [base | {"as_of": HOUR - 600 * at, "computed_at": HOUR - 600 * at} for at in range(6)]
    other = [row | {"sli_revision": "another"} for row in rows]
    store_rows(store, sli_risk, rows + other)
    found = verify_hour(store, HOUR)
    assert found.n_unknown >= 6
    assert found.n_judged > 0
    total = np.nanmean(values(), axis=0)
    assert sum(row["n_violated"] for row in stored(store, risk_hour)) == sum(
        (total[(row["as_of"] - AS_OF) // 60 + 300 :][:10] > 25).any() for row in rows
    )


def test_the_sample_keeps_all_that_were_left_and_forgets_what_is_not_known(store: Store) -> None:
    rows = [row | {"computed_at": row["as_of"]} for row in made_up(np.random.default_rng(5))]
    store_rows(store, sli_risk, rows)
    kept = ("as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes")
    features = [
        {name: row[name] for name in kept} | {"side": 1, "draw": at / len(rows), "features": "x"}
        for at, row in enumerate(rows)
    ]
    store_rows(store, risk_feature, features)
    found = verify_hour(store, HOUR)
    sample = [row for row in stored(store, risk_feature) if row["is_left"] is not None]
    assert len(sample) == found.n_judged
    n_left = sum(row["n_violated"] for row in stored(store, risk_hour))
    assert sum(row["is_left"] for row in sample) == n_left > 0
    assert {row["weight"] for row in sample} == {1.0}
    waiting = [row for row in stored(store, risk_feature) if row["is_left"] is None]
    assert {row["as_of"].timestamp() <= HOUR - 3600 for row in waiting} == {True}


def test_bins_have_every_tenth_and_what_reports_ask_for_as_edges() -> None:
    assert {0.05, 0.25, 0.35, *(round(at / 10, 1) for at in range(11))} <= set(EDGES)
    at = bin_of(np.array([0.0, 0.05, 0.1, 0.3, 0.999, 1.0]))
    assert [EDGES[place] for place in at.tolist()] == [0.0, 0.05, 0.1, 0.3, 0.98, 0.98]
