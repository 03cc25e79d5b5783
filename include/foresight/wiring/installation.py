"""The installation that ``foresight doctor`` looks at."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from foresight.errors import SourceUnavailable
from foresight.services.diagnosis import Installation
from foresight.wiring import settings
from foresight.wiring.connections import kafka_config, open_results, open_telemetry, upkeep_results


def this_installation() -> Installation:
    """Everything that settings and connections name here."""
    return Installation(
        airflow_version=version("apache-airflow"),
        config_folder=settings.config_folder(),
        catalogue=settings.catalogue,
        source=open_telemetry,
        store=open_results,
        upkeep=upkeep_results,
        kafka=kafka_config,
        dags=_dags,
    )


def _dags() -> Mapping[str, bool]:
    """Every DAG of ours that Airflow's database knows, and whether it is paused."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            rows = session.query(DagModel.dag_id, DagModel.is_paused).filter(~DagModel.is_stale).all()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise SourceUnavailable(f"Airflow's database cannot be asked for its DAGs: {reason}") from error
    return {dag_id: bool(is_paused) for dag_id, is_paused in rows}
