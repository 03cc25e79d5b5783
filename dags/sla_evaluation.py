"""
### SLA evaluation
When `telemetry_analysis` has finished an interval: says for every SLI what happened in its windows, what is
left of its error budget, and how likely it is to be violated in the next ten minutes.

**Tasks** `plan` names the intervals and deals the SLAs to shards · `evaluate` reads the stored samples,
evaluates, and stores a shard of one interval in one transaction · `publish` announces changes of state on
`sla-events`, each once · `summarise` counts the states · `notify` tells notification targets of them.

**Intervals** A run works on the intervals named in the asset events that started it, and on any other that
was analysed and not yet evaluated: asset events only wake it, and one may get lost. A run by hand or in
a backfill works on its own interval; that interval has to have been analysed before.

An interval whose samples retention has removed is refused, or left out: what was said of it is kept.

**When it fails** the task says what to do; clear it once that is done. Statuses are rewritten, changes of
state are announced once. An SLA that cannot be evaluated is set aside, with its reason in the log and in the
run's row of `run`; the others are evaluated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    Param,
    dag,
    get_current_context,
    task,
)

from foresight.conventions import TELEMETRY_ASSET
from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS

PARAMS = {
    "as_of": run_params.as_of("The interval to evaluate. Empty: those named by what started the run."),
    "slas": Param(
        None,
        type=["null", "array"],
        items={"type": "string", "minLength": 1, "maxLength": 200},
        maxItems=1000,
        title="SLAs",
        description="Names of SLAs, one a line. Empty: all of them.",
    ),
    "publish": run_params.publish("announces changes of state"),
}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("*/10 * * * *", timezone="UTC"),
        assets=[Asset(TELEMETRY_ASSET)],
    ),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=64,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "sla"],
    doc_md=__doc__,
    description="Evaluates every SLA for each analysed interval, and the risk of the next ten minutes",
)
def sla_evaluation() -> None:
    @task
    def plan() -> list[dict[str, Any]]:
        from foresight.orchestration.sla.steps import plan_evaluations

        return plan_evaluations(get_current_context())

    @task(map_index_template="{{ shard_name }}")
    def evaluate(shard: dict[str, Any]) -> dict[str, Any]:
        from foresight.orchestration.sla.steps import evaluate_shard

        return evaluate_shard(get_current_context(), shard)

    @task(trigger_rule="none_failed")
    def publish() -> dict[str, int]:
        from foresight.orchestration.sla.steps import publish_changes

        return publish_changes(get_current_context())

    @task(trigger_rule="none_failed")
    def summarise(shards: list[dict[str, Any]]) -> dict[str, Any]:
        from foresight.orchestration.sla.steps import summarise_evaluations

        return summarise_evaluations(get_current_context(), list(shards))

    @task(trigger_rule="none_failed")
    def notify() -> dict[str, int]:
        from foresight.orchestration.notification_steps import notify_targets

        return notify_targets()

    summarise(evaluate.expand(shard=plan())) >> publish() >> notify()


sla_evaluation()
