"""A whole Airflow on this machine with the user's own connections: what ``make serve`` starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from foresight.conventions import KAFKA_CONNECTION, RESULTS_CONNECTION, TELEMETRY_CONNECTION
from foresight.errors import FinalError
from foresight.local.standalone import Standalone, free_port

CONNECTIONS: Final = (TELEMETRY_CONNECTION, RESULTS_CONNECTION, KAFKA_CONNECTION)
SCHEDULED: Final = ("maintenance", "sla_evaluation", "telemetry_analysis")
"""The DAGs of the main job, in the order in which they are switched on."""


def connections_set() -> list[str]:
    """The connections of ours that are in the environment."""
    return [name for name in CONNECTIONS if os.environ.get(_variable(name), "").strip()]


def refuse_to_replace() -> None:
    """Raises ``FinalError`` where the embedded defaults would take the place of connections that are set."""
    given = connections_set()
    if given:
        are = "is" if len(given) == 1 else "are"
        raise FinalError(
            f"connection {' and '.join(given)} {are} set, and this would put a recording, SQLite and an "
            "embedded broker in the place of your servers. `make serve` starts Airflow with your "
            f"connections; for the embedded ones, first: unset {' '.join(map(_variable, given))}"
        )


@contextmanager
def served(home: Path, port: int) -> Iterator[tuple[Standalone, bool]]:
    """An Airflow with the connections of the environment, and whether its DAGs were switched on just now.

    They are when a home starts for the first time, and never again: who switches one off keeps it off. Raises
    ``FinalError`` where the port is taken, or a connection of the main job is not set at the first start.
    """
    is_new = not (home / "switched-on").exists()
    missing = [name for name in CONNECTIONS if name not in connections_set()]
    if is_new and missing:
        variables = ", ".join(map(_variable, missing))
        raise FinalError(
            f"connection {' and '.join(missing)} is not set: export {variables} first, as README says under "
            '"Your own Prometheus, MySQL and Kafka"; without servers, `make up` shows a recording'
        )
    if port and not _is_free(port):
        raise FinalError(f"port {port} is in use on 127.0.0.1: name another one with --port, or 0 for any")
    with Standalone(home, {}, {}, port or free_port()) as airflow:
        if is_new:
            airflow.unpause(*SCHEDULED)
            (home / "switched-on").touch()
        yield airflow, is_new


def _variable(name: str) -> str:
    return f"AIRFLOW_CONN_{name.upper()}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
