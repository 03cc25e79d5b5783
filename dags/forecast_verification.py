"""
### Forecast verification
Every hour: holds the predictions of an hour against what happened, and keeps the calibrator good.

**Tasks** `verify` judges the predictions of the newest hour whose outcomes are final, which is one hour after
the longest horizon is over, and of the hours before it that were not judged or whose samples have changed ·
`watch` takes a calibrator back that was worse over the last day than the one before it · `refit` fits it to
the outcomes once a day and promotes it only if it is better on those that it has not seen.

**Runs** on schedule, by hand or as a backfill: an hour that is judged again gets the same sums. `foresight
verification report` shows the scores, `foresight verification history` every decision.

**When it fails** the task says what to do; clear it once that is done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS

PARAMS = {
    "as_of": run_params.as_of("Judge what is final at this instant. Empty: the end of the run's interval."),
    "refit": Param(
        "daily",
        enum=["daily", "now", "never"],
        title="Refit",
        description="daily: where the last attempt is a day ago. A backfill refits only if told: now.",
    ),
}


@dag(
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "sla"],
    doc_md=__doc__,
    description="Judges stored predictions against what happened, and refits their calibrator",
)
def forecast_verification() -> None:
    @task
    def verify() -> list[dict[str, int]]:
        from foresight.orchestration.verification_steps import verify

        return verify(get_current_context())

    @task
    def watch() -> dict[str, Any] | None:
        from foresight.orchestration.verification_steps import watch

        return watch(get_current_context())

    @task
    def refit() -> list[dict[str, Any]]:
        from foresight.orchestration.verification_steps import refit

        return refit(get_current_context())

    verify() >> watch() >> refit()


forecast_verification()
