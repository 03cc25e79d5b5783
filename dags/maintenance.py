"""
### Maintenance
Once a day: removes what is older than the retention of the catalogue (`retention_days`) and what tasks staged
for each other in runs long done.

**Tasks** `retain` goes through the tables of the results store; on MySQL it drops and adds partitions by
day · `clear_staging` removes staged files.

**When it fails** nothing is lost: the next run removes what this one did not. A table that would lose more
than half of what it kept stays as it is, and the run fails with the reason: look at the clock and at the
newest data, and if both are right, trigger a run with `allow_large_drop`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS

PARAMS = {
    "as_of": run_params.as_of(
        "The instant that ages are counted from. Empty: the end of the run's interval."
    ),
    "allow_large_drop": Param(
        False,
        type="boolean",
        title="Delete even if it is much",
        description="Without it, a table that would lose more than half of its days stays as it is.",
    ),
    "staging_days": Param(
        2,
        type="integer",
        minimum=1,
        maximum=365,
        title="Days that staged files are kept",
        description="A run that failed can be cleared and go on for so long.",
    ),
}


@dag(
    schedule=CronDataIntervalTimetable("20 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "maintenance"],
    doc_md=__doc__,
    description="Retention of results and staged files, once a day",
)
def maintenance() -> None:
    @task(execution_timeout=timedelta(hours=1))
    def retain() -> dict[str, int]:
        from foresight.orchestration.maintenance_steps import apply_retention

        return apply_retention(get_current_context())

    @task
    def clear_staging() -> int:
        from foresight.orchestration.maintenance_steps import clear_staging

        return clear_staging(get_current_context())

    retain()
    clear_staging()


maintenance()
