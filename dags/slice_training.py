"""
### Slice training
Once a week: trains a network on what was measured, judges it on periods that it never saw against the version
in use and simple answers, and puts it to use if it beats all of them beyond chance.

**Tasks** `train` reads the history from the store (or a recording), trains, judges, writes a report with
plots, and registers the model as a candidate · `choose` goes on only with a better model · `approve` asks a
person, where the run is to wait for one · `promote` puts the model to use.

**Runs** weekly or by hand. The same rows, seed and parameters give the same model, which is registered once.

**When a model is not better** the run ends well and says which answer won; the model stays a candidate. A
person may put it to use all the same: `foresight slice promote VERSION`, or go back to the one before:
`foresight slice rollback`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from foresight.orchestration.retries import ML_ARGS

PARAMS = {
    "target": Param(
        "reference",
        enum=["reference", "forward"],
        title="Target",
        description="reference: the published formula. forward: the connections that the next period needs.",
    ),
    "days": Param(
        28,
        type="integer",
        minimum=1,
        maximum=3650,
        title="Days of history",
        description="How much of what is stored to train and judge on.",
    ),
    "file": Param(
        None,
        type=["null", "string"],
        maxLength=200,
        title="Recording",
        description="Name of a table in the folder replay of the configuration. Empty: what is stored.",
    ),
    "split": Param(
        "time",
        enum=["time", "stacked"],
        title="Split",
        description="time: judged on the newest tenth of the time. stacked: on the last cells, as published.",
    ),
    "failure_bound": Param(
        0.1,
        type="number",
        minimum=0,
        maximum=0.99,
        title="Bound of the failure share",
        description="Share of failed set-ups that the forward target aims at.",
    ),
    "epochs": Param(
        60,
        type="integer",
        minimum=1,
        maximum=1000,
        title="Epochs",
        description="Most passes over the training rows; training stops early when nothing improves.",
    ),
    "seed": Param(
        1, type="integer", minimum=0, maximum=2**31 - 1, title="Seed", description="Of everything random."
    ),
    "approval": Param(
        False,
        type="boolean",
        title="Ask a person",
        description="Whether a better model waits up to an hour for a person to approve it.",
    ),
}


@dag(
    schedule=CronDataIntervalTimetable("40 2 * * 0", timezone="UTC"),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=ML_ARGS,
    params=PARAMS,
    tags=["foresight", "slices"],
    doc_md=__doc__,
    description="Trains and judges the network of slice_prediction, and puts it to use if it is better",
)
def slice_training() -> None:
    @task(execution_timeout=timedelta(hours=1))
    def train() -> dict[str, Any]:
        from foresight.orchestration.slices.training import train_model

        return train_model(get_current_context())

    @task.branch
    def choose(outcome: dict[str, Any]) -> str | None:
        from foresight.orchestration.slices.training import next_step

        return next_step(get_current_context(), outcome)

    approve = ApprovalOperator(
        task_id="approve",
        subject="A better model of slices waits to be put to use",
        body="{{ ti.xcom_pull(task_ids='train') | tojson }}",
        response_timeout=timedelta(hours=1),
        execution_timeout=None,
        retries=0,
    )

    @task(trigger_rule="none_failed_min_one_success")
    def promote(outcome: dict[str, Any]) -> str:
        from foresight.orchestration.slices.training import promote_model

        return promote_model(get_current_context(), outcome)

    outcome = train()
    put_to_use = promote(outcome)
    choose(outcome) >> [approve, put_to_use]
    approve >> put_to_use


slice_training()
