"""Who may do what: the right that each route asks for. A route without an entry cannot be made.

Rights are those of Airflow on our DAGs, so they are the same in the UI, in the REST API and here. They hold
for an installation: who may read ``sla_evaluation`` reads every SLA.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What Airflow is asked: a method on a DAG or its runs; on its variables where ``dag`` is None."""

    method: Method
    dag: str | None
    is_run: bool = False


class Right(Enum):
    """A right, as Airflow is asked for it; all demands must be granted."""

    READ_SLA = (Demand("GET", "sla_evaluation"),)
    READ_SERIES = (Demand("GET", "telemetry_analysis"),)
    READ_SLICE = (Demand("GET", "slice_prediction"),)
    READ_MODEL = (Demand("GET", "batch_scoring"),)
    WRITE_SLA = (Demand("PUT", "sla_evaluation"),)
    SCORE = (Demand("POST", "batch_scoring", is_run=True),)
    DEPLOY = (Demand("PUT", "model_deployment"),)
    DELETE = (Demand("PUT", None),)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks for; ``writes``: it changes something, so Airflow's audit log keeps who called it.

    ``takes_scrape_token``: the token of a scraper opens it too, and nothing else. ``calls``: the limit of
    ``foresight.web.limits`` that its calls count against.
    """

    right: Right
    writes: bool = False
    takes_scrape_token: bool = False
    calls: str | None = None
    max_bytes: int = 1024 * 1024


_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_READ_SLA: Final = Rule(Right.READ_SLA)
_READ_MODEL: Final = Rule(Right.READ_MODEL)
_WRITE_SLA: Final = Rule(Right.WRITE_SLA, writes=True, max_bytes=_DOCUMENT_BYTES)
_DEPLOY: Final = Rule(Right.DEPLOY, writes=True)
_DELETE: Final = Rule(Right.DELETE, writes=True)
_SCORE: Final = Rule(Right.SCORE, calls="scoring", max_bytes=16 * 1024 * 1024)

RULES: Final[dict[str, Rule]] = {
    "get_openapi": _READ_SLA,
    "get_documentation": _READ_SLA,
    "get_metrics": Rule(Right.READ_SLA, takes_scrape_token=True),
    "create_sla": _WRITE_SLA,
    "validate_slas": Rule(Right.READ_SLA, max_bytes=_DOCUMENT_BYTES),
    "import_slas": _WRITE_SLA,
    "export_openslo": _READ_SLA,
    "get_sla": _READ_SLA,
    "put_sla": _WRITE_SLA,
    "patch_sla": _WRITE_SLA,
    "delete_sla": _DELETE,
    "get_revision": _READ_SLA,
    "get_sli": _READ_SLA,
    "put_sli": _WRITE_SLA,
    "patch_sli": _WRITE_SLA,
    "delete_sli": _DELETE,
    "get_status": _READ_SLA,
    "get_violations": _READ_SLA,
    "get_outlook": _READ_SLA,
    "ask_what_if": Rule(Right.SCORE, calls="what_if"),
    "run_backtest": Rule(Right.SCORE, calls="backtest"),
    "get_explanation": _READ_SLA,
    "get_verification": _READ_SLA,
    "get_calibrators": _READ_SLA,
    "roll_back_calibrator": _DEPLOY,
    "get_targets": _READ_SLA,
    "put_target": _DELETE,
    "delete_target": _DELETE,
    "get_silences": _READ_SLA,
    "put_silence": _WRITE_SLA,
    "delete_silence": _DELETE,
    "get_downtime": _READ_SLA,
    "put_downtime": _WRITE_SLA,
    "delete_downtime": _DELETE,
    "deploy": _DEPLOY,
    "roll_back": _DEPLOY,
    "undeploy": _DELETE,
    "score": _SCORE,
    "predict": _SCORE,
    "infer": _SCORE,
    "infer_version": _SCORE,
    "get_server": _READ_MODEL,
    "get_live": _READ_MODEL,
    "get_ready": _READ_MODEL,
    "get_model": _READ_MODEL,
    "get_model_version": _READ_MODEL,
    "get_model_ready": _READ_MODEL,
    "get_model_ready_version": _READ_MODEL,
    "get_series": Rule(Right.READ_SERIES),
    "get_curves": Rule(Right.READ_SERIES),
    "get_stages": Rule(Right.READ_SERIES),
    "get_first_page": _READ_SLA,
    "get_static": _READ_SLA,
    "get_fleet_page": _READ_SLA,
    "get_sla_page": _READ_SLA,
    "get_what_if_page": Rule(Right.SCORE, calls="what_if"),
    "get_edit_page": _WRITE_SLA,
    "get_new_page": _WRITE_SLA,
    "get_series_list_page": Rule(Right.READ_SERIES),
    "get_series_page": Rule(Right.READ_SERIES),
    "get_runs_page": Rule(Right.READ_SERIES),
    "get_slices_page": Rule(Right.READ_SLICE),
    "get_models_page": _READ_MODEL,
    "get_verification_page": _READ_SLA,
}
"""The rule of each route, by the name of its function."""
