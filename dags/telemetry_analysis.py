"""
### Telemetry analysis
Every ten minutes: reads the last twelve hours of every watched series, sets aside what is not fit, analyses
and forecasts the rest, stores it, and announces it.

**Tasks** `plan` deals the series of the catalogue to shards · `extract` reads a shard from the connection
`telemetry` · `check` holds every series against the Great Expectations suite and quarantines what fails ·
`analyse` stationarity, decomposition, Hodrick-Prescott, autocorrelation, aggregates · `forecast` the next
ten minutes, and the risk of SLIs · `persist` writes a shard in one transaction · `count` counts what the
windows of SLIs hold, so that their evaluation reads no samples · `publish` one message a series to
`prometheusdata` · `summarise` counts, completes the interval and wakes `sla_evaluation`.

**Runs** on schedule, by hand, over the REST API or as a backfill; all of them write the same rows for the
same interval, and running twice changes nothing. A backfill announces nothing unless asked to.

**When it fails** the task says what to do. Transient failures retry by themselves; after that, clear the
failed task: what was stored stays, what was not published is published then or by the next run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Asset, CronDataIntervalTimetable, Param, dag, get_current_context, task

from foresight.conventions import TELEMETRY_ASSET
from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS

ANALYSED = Asset(TELEMETRY_ASSET)
PARAMS = {
    "as_of": run_params.as_of(
        "The instant to analyse, floored to the minute. Empty: the end of the run's interval."
    ),
    "metrics": Param(
        None,
        type=["null", "array"],
        items={"type": "string", "minLength": 1, "maxLength": 200},
        maxItems=1000,
        title="Metrics",
        description="Names of catalogue entries, one a line. Empty: the whole catalogue.",
    ),
    "publish": run_params.publish("announces its results"),
    "hp_lambda": Param(
        None,
        type=["null", "number"],
        exclusiveMinimum=0,
        maximum=1e10,
        title="Hodrick-Prescott λ",
        description="Smoothness of the trend. Empty: as the catalogue says (1600).",
    ),
    "lags": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=1000,
        title="Autocorrelation lags",
        description="Empty: as the catalogue says (40).",
    ),
    "series_per_shard": Param(
        2000,
        type="integer",
        minimum=10,
        maximum=50_000,
        title="Series per shard",
        description="Smaller shards spread over more workers; each costs about half a second to start.",
    ),
}


@dag(
    schedule=CronDataIntervalTimetable("*/10 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=64,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "telemetry"],
    doc_md=__doc__,
    description="Analyses and forecasts every watched series, every ten minutes",
)
def telemetry_analysis() -> None:
    @task
    def plan() -> list[dict[str, Any]]:
        from foresight.orchestration.telemetry.reading import plan_run

        return plan_run(get_current_context())

    @task(map_index_template="{{ shard_name }}", max_active_tis_per_dagrun=4)
    def extract(shard: dict[str, Any]) -> dict[str, Any]:
        from foresight.orchestration.telemetry.reading import extract_shard

        return extract_shard(get_current_context(), shard)

    @task
    def check(shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from foresight.orchestration.telemetry.checking import check_shards

        return check_shards(get_current_context(), list(shards))

    @task(map_index_template="{{ shard_name }}")
    def analyse(shard: dict[str, Any]) -> dict[str, Any]:
        from foresight.orchestration.telemetry.computing import analyse_shard

        return analyse_shard(get_current_context(), shard)

    @task(map_index_template="{{ shard_name }}")
    def forecast(shard: dict[str, Any]) -> dict[str, Any]:
        from foresight.orchestration.telemetry.computing import forecast_shard

        return forecast_shard(get_current_context(), shard)

    @task(map_index_template="{{ shard_name }}")
    def persist(results: list[dict[str, Any]]) -> dict[str, Any]:
        from foresight.orchestration.telemetry.results import persist_shard

        return persist_shard(get_current_context(), *results)

    @task
    def count(shards: list[dict[str, Any]]) -> dict[str, int]:
        from foresight.orchestration.telemetry.indicators import count_indicators

        return count_indicators(get_current_context(), list(shards))

    @task
    def publish() -> dict[str, int]:
        from foresight.orchestration.telemetry.results import publish_run

        return publish_run(get_current_context())

    @task(outlets=[ANALYSED])
    def summarise(shards: list[dict[str, Any]]) -> dict[str, Any]:
        from foresight.orchestration.telemetry.results import summarise_run

        context = get_current_context()
        summary = summarise_run(context, list(shards))
        context["outlet_events"][ANALYSED].extra = {"as_of": summary["as_of"], "scope": summary["scope"]}
        return summary

    checked = check(extract.expand(shard=plan()))
    persisted = persist.expand(results=analyse.expand(shard=checked).zip(forecast.expand(shard=checked)))
    count(persisted) >> (summarised := summarise(persisted))
    summarised >> publish()


telemetry_analysis()
