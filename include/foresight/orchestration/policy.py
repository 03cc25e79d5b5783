"""What the schedule started goes first: a policy of Airflow, found by the entry point ``airflow.policy``.

However many runs somebody starts by hand, a task of the schedule takes the next slot that becomes free. Where
the package is not installed, only its folder is on the path, Airflow does not find this: runs wait in turn.
"""

from __future__ import annotations

from typing import Any, Final

from airflow.policies import hookimpl

DAGS: Final = frozenset(
    {
        "batch_scoring", "forecast_verification", "maintenance", "model_deployment", "scoring_load_test",
        "sla_backtest", "sla_evaluation",
        "slice_prediction", "slice_replay", "slice_training", "telemetry_analysis",
    }
)  # fmt: skip
"""Ours: tasks of other DAGs stay as they are."""
SCHEDULED_WEIGHT: Final = 1000
"""Above any that Airflow gives by itself, which counts the tasks behind a task."""
_SCHEDULED: Final = ("scheduled", "asset_triggered")


@hookimpl
def task_instance_mutation_hook(task_instance: Any, dag_run: Any) -> None:
    """Called by Airflow whenever it makes a task instance, or looks at it anew."""
    if task_instance.dag_id not in DAGS:
        return
    kind = dag_run.run_type if dag_run is not None else str(task_instance.run_id).partition("__")[0]
    if str(getattr(kind, "value", kind)) in _SCHEDULED:
        task_instance.priority_weight = SCHEDULED_WEIGHT
