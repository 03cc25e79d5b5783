"""Evaluating SLAs from what is stored: which intervals, which SLAs, and what one that is broken does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from foresight.errors import FinalError, StoreUnavailable
from foresight.grid import Grid
from foresight.orchestration.sla import steps as sla_steps
from foresight.orchestration.sla.steps import (
    AT_ONCE,
    MAX_TASKS,
    TooManySetAside,
    evaluate_shard,
    plan_evaluations,
    summarise_evaluations,
)
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import evaluation as sla_shards
from foresight.services import slas
from foresight.services.evaluation import SamplesGone
from foresight.sla.definitions import Sla
from foresight.store import Store, maintain, migrate, open_store, upsert
from foresight.store.intervals import CATALOGUE_SCOPE, save_analysed_interval, save_evaluated_interval
from foresight.store.tables import evaluated_interval, run, series_analysis, sla, sla_status, sli_status
from foresight.wiring.connections import results
from foresight.wiring.settings import catalogue
from tests.unit.store.rows import all_rows, persist

AS_OF = 1_764_300_000
DAY = 86_400
KEY = SeriesKey.of("m", {"job": "a"})
ONE = "slas:\n  - {name: good, slis: [{name: i, metric: m, max: 2}]}\n"
BAD = "  - {name: bad, slis: [{name: i, metric: m, max: 3}]}\n"


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (home / "catalogue.yaml").write_text("metrics:\n  - {name: m, metric: m}\n")
    monkeypatch.setenv("FORESIGHT_CONFIG", str(home))
    opened = open_store(f"sqlite:///{home / 'results.db'}")
    migrate(opened)
    yield opened
    opened.close()


def apply(home: Path, text: str) -> None:
    file = home / "slas.yaml"
    file.write_text(text)
    slas.apply(results(), catalogue(), [file], by="me", at=1)


def analyse(store: Store, as_of: int, value: float = 1.0) -> None:
    """What a run of the telemetry leaves: samples, and the interval that it finished."""
    persist(store, SeriesMatrix((KEY,), Grid(as_of, 720), np.full((1, 720), value)))
    finish(store, as_of)


def finish(store: Store, *as_ofs: int) -> None:
    numbers = {"is_complete": True, "n_planned": 1, "n_stored": 1, "n_quarantined": 0}
    for as_of in as_ofs:
        store.transact(lambda c, at=as_of: save_analysed_interval(c, at, CATALOGUE_SCOPE, **numbers))


def context(as_of: int | None = None, *, named: tuple[int, ...] = ()) -> dict[str, Any]:
    """By hand for ``as_of``, or started by the events of these intervals."""
    due = datetime.fromtimestamp(AS_OF + 30 * DAY, UTC)
    kind = "manual" if as_of else "asset_triggered"
    event = [SimpleNamespace(extra={"as_of": at, "scope": CATALOGUE_SCOPE}) for at in named]
    return {
        "dag_run": SimpleNamespace(
            dag_id="sla_evaluation", run_id="r", run_type=SimpleNamespace(value=kind), run_after=due,
            data_interval_end=None, partition_key=None, start_date=due,
        ),
        "params": {
            "as_of": as_of and datetime.fromtimestamp(as_of, UTC).isoformat(),
            "slas": None,
            "publish": "auto",
        },
        "triggering_asset_events": {"telemetry": event},
    }  # fmt: skip


def evaluate(as_of: int) -> dict[str, Any]:
    given = context(as_of)
    shards = [evaluate_shard(given, shard) for shard in plan_evaluations(given)]
    return summarise_evaluations(given, shards)


def planned(*named: int) -> list[int]:
    return sorted({shard["as_of"] for shard in plan_evaluations(context(named=named))})


def states(store: Store) -> list[tuple[str, int, str]]:
    return [(row[0], int(row[1].timestamp()), row[2]) for row in all_rows(store, sla_status)]


class TestOneBrokenSla:
    def test_an_sla_whose_evaluation_breaks_is_set_aside_with_its_reason_and_the_others_are_evaluated(
        self, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        more = "".join(f"  - {{name: s{n}, slis: [{{name: i, metric: m, max: 2}}]}}\n" for n in range(5))
        apply(home, ONE + BAD + more)
        analyse(store, AS_OF)
        usual = sla_shards.figures

        def broken(some: list[Sla], *others: Any, **named: Any) -> Any:
            if any(one.name == "bad" for one in some):
                raise FinalError("of a budget")
            return usual(some, *others, **named)

        monkeypatch.setattr(sla_shards, "figures", broken)
        assert evaluate(AS_OF) == {"intervals": [AS_OF], "states": {"ok": 6}, "set_aside": 1}
        assert [name for name, _, _ in states(store)] == ["good", "s0", "s1", "s2", "s3", "s4"]
        counts = store.read(lambda c: c.execute(select(run.c.counts)).scalar_one())
        assert (counts["set_aside"], counts["reasons"]) == (1, {"bad": "FinalError: of a budget"})
        assert [row[2:] for row in all_rows(store, evaluated_interval)] == [(6, 6)]
        assert planned() == []

    def test_a_fault_of_the_program_is_no_fault_of_an_sla(
        self, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(home, ONE + BAD)
        analyse(store, AS_OF)

        def broken(*_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("of a budget")

        monkeypatch.setattr(sla_shards, "figures", broken)
        with pytest.raises(ZeroDivisionError):
            evaluate(AS_OF)
        assert states(store) == []

    def test_a_run_in_which_most_slas_break_fails_after_the_rest_is_stored(
        self, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(home, ONE + BAD + "  - {name: worse, slis: [{name: i, metric: m, max: 3}]}\n")
        analyse(store, AS_OF)
        usual = sla_shards.figures

        def broken(some: list[Sla], *others: Any, **named: Any) -> Any:
            if any(one.name != "good" for one in some):
                raise FinalError("of a budget")
            return usual(some, *others, **named)

        monkeypatch.setattr(sla_shards, "figures", broken)
        with pytest.raises(TooManySetAside, match="2 of 3 SLAs could not be evaluated, such as bad: "):
            evaluate(AS_OF)
        assert [name for name, _, _ in states(store)] == ["good"]

    def test_a_stored_definition_that_is_refused_today_is_set_aside_and_can_be_applied_anew(
        self, store: Store, home: Path
    ) -> None:
        apply(home, ONE + BAD)
        analyse(store, AS_OF)
        document = store.read(lambda c: c.execute(select(sla.c.document).filter_by(name="bad")).scalar_one())
        document["slis"][0]["matchers"] = [{"label": "job", "op": "=~", "value": r"\Qa"}]
        store.transact(lambda c: c.execute(update(sla).filter_by(name="bad").values(document=document)))
        assert evaluate(AS_OF) == {"intervals": [AS_OF], "states": {"ok": 1}, "set_aside": 1}
        assert [one.name for one in slas.list_slas(results()).readable] == ["good"]
        with pytest.raises(FinalError, match=r"'bad' cannot be read.*apply it anew"):
            slas.get_sla(results(), "bad")
        apply(home, ONE + BAD.replace("max: 3", "max: 4"))
        assert evaluate(AS_OF)["set_aside"] == 0

    def test_a_figure_that_fits_into_no_column_is_one_slas_trouble(
        self, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(home, ONE + BAD)
        analyse(store, AS_OF)
        usual = sla_shards.status_rows

        def infinite(statuses: Any) -> Any:
            rows = usual(statuses)
            burns = zip(rows["sli_window"]["sla_name"], rows["sli_window"]["burn_rate"], strict=True)
            rows["sli_window"]["burn_rate"] = [np.inf if name == "bad" else rate for name, rate in burns]
            return rows

        monkeypatch.setattr(sla_shards, "status_rows", infinite)
        assert evaluate(AS_OF)["states"] == {"ok": 1}

    def test_a_store_that_fails_is_no_slas_trouble(
        self, store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(home, ONE)
        analyse(store, AS_OF)
        [shard] = plan_evaluations(context(AS_OF))

        def down(*_: Any) -> Any:
            raise StoreUnavailable("down")

        monkeypatch.setattr("foresight.services.history.load_matrix", down)
        with pytest.raises(StoreUnavailable):
            evaluate_shard(context(AS_OF), shard)


class TestLimitsOfASeries:
    """A series is forecast for its SLAs where it had enough for its own forecast, and only there."""

    def limited(self, store: Store, home: Path, limits: dict[str, float]) -> tuple[float | None, bool | None]:
        apply(home, ONE)
        analyse(store, AS_OF)
        columns = {
            "series_id": [KEY.id], "as_of": [AS_OF], "outcome": ["ok"], "n_observed": [720], "n_missing": [0],
            "n_nonfinite": [0], "data_hash": ["x"], "code_version": ["x"],
            **{name: [value] for name, value in limits.items()},
        }  # fmt: skip
        store.transact(lambda c: upsert(c, series_analysis, columns))
        evaluate(AS_OF)
        query = select(sli_status.c.probability, sli_status.c.has_default_limits)
        found = store.read(lambda c: c.execute(query).one())
        return found.probability, found.has_default_limits

    def test_its_own_limits_are_used_and_said(self, store: Store, home: Path) -> None:
        probability, is_default = self.limited(store, home, {"min_slots": 30, "min_coverage": 0.5})
        assert (probability is not None, is_default) == (True, False)

    def test_one_that_has_less_than_its_limits_has_no_probability(self, store: Store, home: Path) -> None:
        probability, _ = self.limited(store, home, {"min_slots": 721, "min_coverage": 0.5})
        assert probability is None

    def test_without_stored_limits_defaults_are_used_and_said(self, store: Store, home: Path) -> None:
        probability, is_default = self.limited(store, home, {})
        assert (probability is not None, is_default) == (True, True)


class TestIntervalsWhoseSamplesAreGone:
    def test_they_are_not_evaluated_again_and_what_was_said_of_them_stands(
        self, store: Store, home: Path
    ) -> None:
        apply(home, ONE)
        for as_of, value in ((AS_OF, 9.0), (AS_OF + 5 * DAY, 1.0)):
            analyse(store, as_of, value)
            evaluate(as_of)
        before = all_rows(store, sli_status)
        [shard] = plan_evaluations(context(AS_OF))
        maintain(store, AS_OF + 5 * DAY, {"sample": 2, "sample_window": 2})
        for again in (
            lambda: plan_evaluations(context(AS_OF)),
            lambda: evaluate_shard(context(AS_OF), shard),
        ):
            with pytest.raises(SamplesGone, match=r"2025-11-28 03:20.*run telemetry_analysis"):
                again()
        assert before == all_rows(store, sli_status)
        evaluate(AS_OF + 5 * DAY)

    def test_an_interval_that_was_read_anew_may_be_evaluated_again(self, store: Store, home: Path) -> None:
        apply(home, ONE)
        analyse(store, AS_OF)
        analyse(store, AS_OF + 5 * DAY)
        maintain(store, AS_OF + 5 * DAY, {"sample": 2, "sample_window": 2})
        analyse(store, AS_OF)
        assert evaluate(AS_OF)["states"] == {"ok": 1}

    def test_those_that_wait_are_left_out_and_the_rest_is_evaluated(
        self, store: Store, home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        apply(home, ONE)
        lost = [AS_OF, AS_OF + 600, AS_OF + 1200]
        for as_of in (*lost, AS_OF + 5 * DAY, AS_OF + 5 * DAY + 600):
            analyse(store, as_of)
        maintain(store, AS_OF + 5 * DAY, {"sample": 2, "sample_window": 2})
        assert planned(lost[0], AS_OF + 5 * DAY) == [AS_OF + 5 * DAY, AS_OF + 5 * DAY + 600]
        assert "3 intervals until 2025-11-28 03:40 are left out" in caplog.text
        assert "the interval until 2025-11-28 03:20 is left out" in caplog.text


def test_an_interval_that_an_event_names_is_evaluated_however_many_wait(store: Store, home: Path) -> None:
    apply(home, ONE)
    waiting = [AS_OF + 600 * number for number in range(AT_ONCE + 20)]
    again = waiting[-1] + 6000
    finish(store, *waiting, again)
    store.transact(lambda c: save_evaluated_interval(c, again, n_sla=1, n_sli=1))
    chosen = planned(again)
    assert chosen == [*waiting[1 - AT_ONCE :], again]
    assert planned(*waiting, again) == chosen  # those that wait are evaluated by a later run


def test_what_waits_after_an_outage_fits_into_a_run_and_into_its_messages(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sla_steps, "SLIS_PER_SHARD", 2)
    names = [f"s{number:03}" for number in range(24)]
    apply(
        home,
        "slas:\n" + "".join(f"  - {{name: {n}, slis: [{{name: i, metric: m, max: 2}}]}}\n" for n in names),
    )
    waiting = [AS_OF + 600 * number for number in range(AT_ONCE)]
    finish(store, *waiting)
    found = plan_evaluations(context(named=()))
    assert len(found) <= MAX_TASKS
    n_intervals = MAX_TASKS // 12
    assert sorted({one["as_of"] for one in found}) == waiting[-n_intervals:]
    assert f"{AT_ONCE - n_intervals} intervals until" in caplog.text
    assert max(len(json.dumps(one)) for one in found) < 200
    spans = [(one["first"], one["last"]) for one in found if one["as_of"] == waiting[-1]]
    assert [n for first, last in spans for n in names if first <= n <= last] == names


def test_a_window_of_a_young_system_is_whole_although_nothing_is_stored_before_it(
    store: Store, home: Path
) -> None:
    apply(home, ONE)
    persist(store, SeriesMatrix((KEY,), Grid(AS_OF, 60), np.ones((1, 60))))
    finish(store, AS_OF, AS_OF + 5 * DAY)
    maintain(store, AS_OF + 5 * DAY, {"sample": 30})
    assert evaluate(AS_OF)["states"] == {"ok": 1}
