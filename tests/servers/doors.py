"""Airflow's API server with the doors in it, a user of each role, and results to show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from foresight.local.standalone import PROJECT, Standalone
from tests.servers.process import Server, Unavailable, accepts_connections, free_port

ROLES = ("viewer", "user", "op", "admin")


@dataclass(frozen=True)
class LiveDoors:
    """Where the doors are, and a token of each role."""

    url: str
    tokens: dict[str, str]
    home: Path

    def client(self, role: str | None) -> httpx.Client:
        """A client that signs in as a role; None: as nobody."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(base_url=f"{self.url}/foresight", headers=headers, timeout=60)


@contextmanager
def live_doors(home: Path, token_seconds: float = 5) -> Iterator[LiveDoors]:
    """The API server, with the Iris tree deployed and one SLA."""
    results = {"results": {"conn_type": "sqlite", "host": str(home / "results.db")}}
    airflow = Standalone(home, results, {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in ROLES),
        "FORESIGHT_MODELS": (home / "models").as_uri(),
        "FORESIGHT_TOKEN_SECONDS": str(token_seconds),
        "PYTHONPATH": str(PROJECT),
    }, port=free_port())  # fmt: skip
    passwords = {role: f"{role}-secret" for role in ROLES}
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "passwords.json").write_text(json.dumps(passwords))
    environment = airflow.environment
    for command in (
        [sys.executable, "-m", "airflow", "db", "migrate"],
        [sys.executable, "-m", "tests.servers.doors"],
    ):
        done = subprocess.run(
            command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"{command[-1]} failed: {done.stderr[-2000:]}")
    command = [
        sys.executable,
        "-m",
        "airflow",
        "api-server",
        "--port",
        str(airflow.port),
        "--host",
        "127.0.0.1",
    ]
    server = Server(command, ready=lambda: _answers(airflow), log=home / "api-server.log", env=environment)
    server.start(seconds=240)
    try:
        tokens = {role: _token(airflow, role, password) for role, password in passwords.items()}
        yield LiveDoors(airflow.url, tokens, home)
    finally:
        server.stop()


def _answers(airflow: Standalone) -> bool:
    return (
        accepts_connections(airflow.port)
        and httpx.get(f"{airflow.url}/api/v2/version", timeout=30).is_success
    )


def _token(airflow: Standalone, role: str, password: str) -> str:
    answer = httpx.post(
        f"{airflow.url}/auth/token", json={"username": role, "password": password}, timeout=60
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _fill() -> None:
    """What the server shows; run in its environment."""
    from foresight.store.models import Change
    from foresight.store.tables import sla, sla_status, sli, sli_latest, sli_status, sli_window
    from tests.unit import registry
    from tests.unit.iris import IRIS
    from tests.unit.web.rows import fill

    store, change = registry.prepared_results(), Change("test", 1)
    registry.add("iris", str(IRIS), change)
    registry.deploy("iris", change)
    fill(
        store,
        sla,
        1,
        name="shop",
        document={"name": "shop", "slis": [{"name": "a", "metric": "up", "lower": 1.0}]},
    )
    fill(store, sli, 1, sla_name="shop", name="a", matchers=[], windows_minutes=[])
    for table in (sli_latest, sli_status, sli_window):
        fill(store, table, 1, sla_name="shop", sli_name="a", as_of=1_780_000_200)
    fill(store, sla_status, 1, sla_name="shop", as_of=1_780_000_200)


if __name__ == "__main__":
    _fill()
