"""The main job as a user runs it: schedule, REST, backfill, and a task that is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from foresight.conventions import SLA_EVENTS_TOPIC, TELEMETRY_TOPIC
from foresight.errors import NotFound
from foresight.local.embedded import CONFIG
from foresight.local.standalone import FINISHED, Standalone, Unfinished
from foresight.messaging import drain
from foresight.sla.files import load_slas
from foresight.sla.matching import pair_up
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.statuses import evaluate
from foresight.store import Store
from foresight.store.tables import (
    autocorrelation,
    evaluated_interval,
    forecast,
    publication,
    sample,
    series_analysis,
    sla_event,
    sla_status,
    sli_status,
)
from foresight.telemetry.catalogue import load_catalogue
from foresight.telemetry.planning import plan
from foresight.telemetry.recording import RecordingSource
from tests.e2e.conftest import checksums, empty

pytestmark = [pytest.mark.live, pytest.mark.mysql, pytest.mark.kafka, pytest.mark.timeout(1800)]

N_SERIES = 76
EXPECTED_RUNS = 2 + 4
"""What ``three_ways`` adds: two runs by REST, for the two others are cleared, and four evaluations."""


def count(store: Store, table: Table, **equal: Any) -> int:
    query = select(func.count()).select_from(table).filter_by(**equal)
    return int(store.read(lambda connection: connection.execute(query).scalar_one()))


def wait_until_evaluated(airflow: Standalone, store: Store, as_of: datetime) -> None:
    airflow.wait_for(
        f"the statuses of {as_of}", lambda: count(store, evaluated_interval, as_of=as_of) or None
    )


def announced(servers: str, topic: str, as_of: datetime) -> list[bytes]:
    """Ids of the messages about one interval; the schedule may have begun others meanwhile."""
    drained = drain({"bootstrap.servers": servers}, topic, {})
    return [
        dict(message.headers)["id"]
        for message in drained.messages
        if datetime.fromisoformat(json.loads(message.value)["as_of"]) == as_of
    ]


def states_by_the_core(airflow: Standalone, as_of: datetime) -> dict[tuple[str, str], str]:
    """What the core says without Airflow, store or broker, straight from the recording."""
    source = RecordingSource("smd", **airflow.connections["telemetry"]["extra"])
    slas = load_slas(CONFIG / "slas.yaml")
    [shard] = plan(load_catalogue(CONFIG / "catalogue.yaml"), source, int(as_of.timestamp())).shards
    matrix = source.extract(shard).matrix
    pairs = pair_up(slas, matrix.keys)
    forecasts = RiskForecasts.of(matrix, pairs)
    statuses = evaluate(slas, matrix, pairs, forecasts)
    return {(sla.sla.name, sli.sli.name): str(sli.state) for sla in statuses for sli in sla.slis}


@pytest.fixture(scope="module")
def scheduled(airflow: Standalone, store: Store) -> datetime:
    """End of the first interval that the schedule finished; both DAGs are switched on from here on."""
    airflow.unpause("sla_evaluation", "telemetry_analysis")
    run = airflow.wait_for("a scheduled run", lambda: next(iter(airflow.runs("telemetry_analysis")), None))
    assert run["run_type"] == "scheduled"
    done = airflow.succeed("telemetry_analysis", run["dag_run_id"])
    as_of = datetime.fromisoformat(done["data_interval_end"])
    wait_until_evaluated(airflow, store, as_of)
    return as_of


def test_the_schedule_stores_and_announces_every_series_once(
    airflow: Standalone, store: Store, kafka_servers: str, scheduled: datetime
) -> None:
    assert count(store, series_analysis, as_of=scheduled) == N_SERIES
    assert count(store, forecast, as_of=scheduled) == N_SERIES * 10
    begin = scheduled - timedelta(hours=12)
    within = (sample.c.slot > begin) & (sample.c.slot <= scheduled)
    query = select(func.count()).select_from(sample).where(within)
    assert store.read(lambda connection: connection.execute(query).scalar_one()) == N_SERIES * 720
    ids = announced(kafka_servers, TELEMETRY_TOPIC, scheduled)
    assert len(ids) == len(set(ids)) == N_SERIES


def test_the_end_of_an_interval_wakes_the_evaluation(
    airflow: Standalone, store: Store, kafka_servers: str, scheduled: datetime
) -> None:
    assert count(store, sla_status, as_of=scheduled) == 2
    assert count(store, sli_status, as_of=scheduled) == 8
    query = select(sli_status.c.sla_name, sli_status.c.sli_name, sli_status.c.state)
    rows = store.read(lambda connection: connection.execute(query.filter_by(as_of=scheduled)).all())
    expected = states_by_the_core(airflow, scheduled)
    assert {(sla, sli): state for sla, sli, state in rows} == expected
    airflow.wait_for(
        "the announcement",
        lambda: count(store, publication, topic=SLA_EVENTS_TOPIC, as_of=scheduled, state="published") or None,
    )
    ids = announced(kafka_servers, SLA_EVENTS_TOPIC, scheduled)
    n_events = sum(state != "ok" for state in expected.values())
    assert len(ids) == len(set(ids)) == count(store, sla_event, as_of=scheduled) == n_events


def test_parameters_of_a_run_by_rest_are_obeyed(
    airflow: Standalone, store: Store, scheduled: datetime
) -> None:
    as_of = scheduled - timedelta(minutes=7)
    conf = {"as_of": as_of.isoformat(), "metrics": ["smd_d03"], "lags": 5, "publish": "never"}
    airflow.succeed("telemetry_analysis", airflow.trigger("telemetry_analysis", conf))
    assert count(store, series_analysis, as_of=as_of) == 2
    assert count(store, publication, topic=TELEMETRY_TOPIC, as_of=as_of, state="skipped") == 1
    assert count(store, autocorrelation, as_of=as_of) == 0, "an older as-of never replaces a newer one"
    settle(airflow)
    assert count(store, evaluated_interval, as_of=as_of) == 0, "a part of the catalogue is no interval"


@pytest.mark.parametrize(
    ("name", "value"), [("hp_lambda", -1), ("lags", 0), ("publish", "perhaps"), ("metrics", [""])]
)
def test_a_parameter_out_of_range_is_refused_before_anything_runs(
    airflow: Standalone, scheduled: datetime, name: str, value: Any
) -> None:
    with pytest.raises(Unfinished, match=name):
        airflow.trigger("telemetry_analysis", {name: value})


def test_an_unknown_metric_fails_at_once_and_says_what_there_is(
    airflow: Standalone, scheduled: datetime
) -> None:
    run = airflow.wait("telemetry_analysis", airflow.trigger("telemetry_analysis", {"metrics": ["nonsense"]}))
    [plan] = [t for t in airflow.tasks("telemetry_analysis", run["dag_run_id"]) if t["task_id"] == "plan"]
    assert (run["state"], plan["try_number"]) == ("failed", 1)
    assert "the catalogue has no entry 'nonsense'; it has smd_d00" in airflow.log(plan)


def test_an_interval_that_was_never_analysed_is_not_evaluated(
    airflow: Standalone, scheduled: datetime
) -> None:
    conf = {"as_of": (scheduled - timedelta(days=3)).isoformat()}
    run = airflow.wait("sla_evaluation", airflow.trigger("sla_evaluation", conf))
    assert run["state"] == "failed"
    assert "run telemetry_analysis for it first" in airflow.failure("sla_evaluation", run["dag_run_id"])


def backfill(airflow: Standalone, first: datetime, last: datetime, reprocess: str = "none") -> None:
    """Backfills the intervals that begin at ``first`` to ``last`` and waits for all of them."""
    body = {
        "dag_id": "telemetry_analysis",
        "from_date": first.isoformat(),
        "to_date": last.isoformat(),
        "max_active_runs": 2,
        "reprocess_behavior": reprocess,
    }

    found = airflow.call("POST", "backfills", json=body)

    def completed() -> bool | None:
        return airflow.call("GET", f"backfills/{found['id']}")["completed_at"] is not None or None

    airflow.wait_for("the backfill", completed, seconds=800)


def test_a_backfill_of_six_intervals_is_stored_evaluated_and_not_announced(
    airflow: Standalone, store: Store, kafka_servers: str, scheduled: datetime
) -> None:
    ends = [scheduled - timedelta(minutes=10 * back) for back in range(17, 11, -1)]
    backfill(airflow, ends[0] - timedelta(minutes=10), ends[-1] - timedelta(minutes=10))
    for as_of in ends:
        wait_until_evaluated(airflow, store, as_of)
        assert count(store, series_analysis, as_of=as_of) == N_SERIES
        assert count(store, sli_status, as_of=as_of) == 8
        assert count(store, publication, topic=TELEMETRY_TOPIC, as_of=as_of, state="skipped") == 1
    settle(airflow)
    for as_of in ends:
        assert announced(kafka_servers, TELEMETRY_TOPIC, as_of) == []
        assert count(store, publication, topic=SLA_EVENTS_TOPIC, as_of=as_of, state="skipped") == 1


def settle(airflow: Standalone) -> int:
    """Waits until nothing runs or is about to, and says how many runs there were.

    A run in flight would write in between, and so would one that an event waits to start: a finished run has
    left its event, and taking the event makes the run, so the runs before and after looking for events tell.
    """
    dags = ("telemetry_analysis", "sla_evaluation")

    def states() -> list[tuple[str, str]]:
        return [(run["dag_run_id"], run["state"]) for dag in dags for run in airflow.runs(dag)]

    def idle() -> int | None:
        before = states()
        quiet = all(state in FINISHED for _, state in before) and not events_wait(airflow)
        return len(before) if quiet and states() == before else None

    return int(airflow.wait_for("all runs to end", idle))


def events_wait(airflow: Standalone) -> bool:
    """Whether an analysed interval has yet to start its evaluation."""
    with contextlib.suppress(NotFound):
        return bool(airflow.call("GET", "dags/sla_evaluation/assets/queuedEvents")["queued_events"])
    return False


def newest_scheduled(airflow: Standalone) -> tuple[str, datetime]:
    """Run id and end of the interval of the newest run that the schedule made; a backfill takes runs over."""
    run = next(run for run in airflow.runs("telemetry_analysis") if run["run_type"] == "scheduled")
    return run["dag_run_id"], datetime.fromisoformat(run["data_interval_end"])


def three_ways(airflow: Standalone, store: Store) -> dict[str, dict[str, str]]:
    """Checksums of all results after running one interval by each way into empty tables."""
    run_id, as_of = newest_scheduled(airflow)
    conf = {"as_of": as_of.isoformat()}
    begin = as_of - timedelta(minutes=10)

    def by_schedule() -> None:
        airflow.call("POST", f"dags/telemetry_analysis/dagRuns/{run_id}/clear", json={"dry_run": False})
        airflow.succeed("telemetry_analysis", run_id)

    def by_rest() -> None:
        airflow.succeed("telemetry_analysis", airflow.trigger("telemetry_analysis", conf))

    def by_backfill() -> None:
        backfill(airflow, begin, begin, reprocess="completed")

    found = {}
    for way in (by_schedule, by_rest, by_backfill):
        settle(airflow)
        empty(store)
        way()
        wait_until_evaluated(airflow, store, as_of)
        settle(airflow)
        found[way.__name__] = checksums(store)
    by_rest()
    settle(airflow)
    return found | {"twice": checksums(store)}


def test_one_interval_run_three_ways_and_twice_leaves_the_same_tables(
    airflow: Standalone, store: Store, scheduled: datetime
) -> None:
    for _ in range(2):
        before = settle(airflow)
        found = three_ways(airflow, store)
        if settle(airflow) == before + EXPECTED_RUNS:
            break  # otherwise the schedule began an interval meanwhile: once more, with that one
    assert count(store, series_analysis) == N_SERIES
    by_schedule = found.pop("by_schedule")
    differing = {
        way: {name for name in sums if sums[name] != by_schedule[name]} for way, sums in found.items()
    }
    assert differing == {"by_rest": set(), "by_backfill": set(), "twice": set()}


@pytest.mark.parametrize("victim", ["check", "persist"])
def test_a_task_killed_half_way_is_tried_again_and_nothing_is_lost_or_doubled(
    airflow: Standalone, store: Store, kafka_servers: str, scheduled: datetime, victim: str
) -> None:
    as_of = scheduled - timedelta(minutes=3 if victim == "check" else 4)
    run_id = airflow.trigger("telemetry_analysis", {"as_of": as_of.isoformat()})

    def running() -> dict[str, Any] | None:
        tasks = airflow.tasks("telemetry_analysis", run_id)
        return next(
            (t for t in tasks if t["task_id"] == victim and t["state"] == "running" and t["pid"]), None
        )

    os.kill(airflow.wait_for(f"{victim} to run", running)["pid"], signal.SIGKILL)
    airflow.succeed("telemetry_analysis", run_id)
    [task] = [t for t in airflow.tasks("telemetry_analysis", run_id) if t["task_id"] == victim]
    assert task["try_number"] == 2
    assert count(store, series_analysis, as_of=as_of) == N_SERIES
    ids = announced(kafka_servers, TELEMETRY_TOPIC, as_of)
    assert len(ids) == len(set(ids)) == N_SERIES
