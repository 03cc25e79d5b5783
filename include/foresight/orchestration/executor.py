"""An executor whose tasks find their libraries imported."""

from __future__ import annotations

import logging
from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

LIBRARIES = (
    "confluent_kafka.admin",
    "great_expectations",
    "great_expectations.expectations.core",
    "mysql.connector",
    "pandas",
    "prometheus_api_client.prometheus_connect",
    "pyarrow.csv",
    "pyarrow.fs",
    "pyarrow.parquet",
    "scipy.fft",
    "scipy.linalg",
    "scipy.stats",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.sqlite",
)
"""What most tasks import. Not Foresight itself, so that a task runs the code that lies there when it starts;
not TensorFlow, which must not be forked."""


class WarmLocalExecutor(LocalExecutor):
    """Airflow's ``LocalExecutor`` after the libraries were imported once.

    Workers are forks of the scheduler and tasks are forks of workers: what the scheduler has imported, no
    task imports again. That is 1.5 to 8 seconds of processor for each task, for 200 MiB of memory that all
    of them share. Where workers are not forked, it is the ``LocalExecutor``.
    """

    def start(self) -> None:
        """Imports the libraries, then forks the workers."""
        if self.is_mp_using_fork:
            warm_up()
        super().start()


def warm_up() -> None:
    """Imports ``LIBRARIES`` into this process."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # hundreds of lines about itself
    for name in LIBRARIES:
        import_module(name)
