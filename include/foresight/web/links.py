"""Where the result of a DAG is shown."""

from __future__ import annotations

from typing import Final

LINKS: Final = {
    "sla_evaluation": "foresight/api/v1/statuses?order_by=-risk",
    "telemetry_analysis": "foresight/api/v1/series",
    "slice_prediction": "foresight/api/v1/slices/predictions",
    "batch_scoring": "foresight/api/v1/scoringRuns",
    "model_deployment": "foresight/api/v1/deployments",
}


def page_of(dag_id: str) -> str:
    """The address, relative to Airflow's base; empty for DAGs of others."""
    return LINKS.get(dag_id, "")
