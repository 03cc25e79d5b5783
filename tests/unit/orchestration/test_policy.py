"""Tasks that the schedule started go before those that somebody started by hand."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest

from foresight.orchestration import policy
from foresight.orchestration.policy import DAGS, SCHEDULED_WEIGHT, task_instance_mutation_hook

PROJECT = Path(__file__).parents[3]


def weight(run_type: str | None, dag_id: str = "telemetry_analysis", run_id: str = "x") -> int:
    instance = SimpleNamespace(dag_id=dag_id, run_id=run_id, priority_weight=5)
    run = None if run_type is None else SimpleNamespace(run_type=SimpleNamespace(value=run_type))
    task_instance_mutation_hook(instance, run)
    return int(instance.priority_weight)


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_the_schedule_goes_first(run_type: str) -> None:
    assert weight(run_type) == SCHEDULED_WEIGHT
    assert weight(None, run_id=f"{run_type}__2026-01-01T00:00:00+00:00") == SCHEDULED_WEIGHT


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_runs_by_hand_and_dags_of_others_stay_as_they_are(run_type: str) -> None:
    assert weight(run_type) == 5
    assert weight(None, run_id="manual__2026") == 5
    assert weight("scheduled", dag_id="a_dag_of_somebody_else") == 5


def test_airflow_finds_the_policy_and_it_knows_every_dag_of_ours() -> None:
    assert sorted(DAGS) == [path.stem for path in sorted((PROJECT / "dags").glob("*.py"))]
    found = [each for each in entry_points(group="airflow.policy") if each.name == "foresight"]
    assert [each.load() for each in found] == [policy]
