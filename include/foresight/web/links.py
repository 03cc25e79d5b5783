"""Where the result of a DAG is shown."""

from __future__ import annotations

from typing import Final

LINKS: Final = {
    "sla_evaluation": "foresight/pages/fleet",
    "telemetry_analysis": "foresight/pages/runs",
    "forecast_verification": "foresight/pages/verification",
    "slice_prediction": "foresight/pages/slices",
    "slice_training": "foresight/pages/slices",
    "batch_scoring": "foresight/pages/models",
    "model_deployment": "foresight/pages/models",
    "scoring_load_test": "foresight/pages/models",
}


def page_of(dag_id: str) -> str:
    """The address, relative to Airflow's base; empty for DAGs of others."""
    return LINKS.get(dag_id, "")
