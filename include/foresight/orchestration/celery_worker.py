"""Celery workers whose tasks find their libraries imported.

Airflow's setting ``[celery] celery_config_options`` names ``CONFIG`` of this module to switch it on. Celery
forks its pool from the worker, so each task inherits what the worker imported before.
"""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import worker_init

from foresight.orchestration.executor import warm_up

CONFIG: Final[dict[str, Any]] = DEFAULT_CELERY_CONFIG
"""Airflow's own settings, unchanged: importing this module is what counts."""


@worker_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: object) -> None:
    warm_up()
