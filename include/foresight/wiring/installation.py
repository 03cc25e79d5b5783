"""The installation that ``foresight doctor`` looks at."""

from __future__ import annotations

from importlib.metadata import version

from foresight.services.diagnosis import Installation
from foresight.wiring import settings
from foresight.wiring.connections import kafka_config, open_results, open_telemetry


def this_installation() -> Installation:
    """Everything that settings and connections name here."""
    return Installation(
        airflow_version=version("apache-airflow"),
        config_folder=settings.config_folder(),
        catalogue=settings.catalogue,
        source=open_telemetry,
        store=open_results,
        kafka=kafka_config,
    )
