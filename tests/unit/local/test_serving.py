"""Whose connections an Airflow that is started here has, before anything is started."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foresight.cli.app import app
from foresight.errors import FinalError
from foresight.local.serving import served

KAFKA = json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1"}})


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELEMETRY", "RESULTS", "KAFKA"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}", raising=False)


@pytest.mark.parametrize("more", [(), ("--stay",)])
def test_the_demo_never_replaces_connections_that_are_set(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", KAFKA)
    home = tmp_path / "home"
    found = call("demo", *more, "--home", str(home))
    assert (found.exit_code, found.stdout, home.exists()) == (2, "", False)
    assert "connection kafka is set" in found.stderr
    assert "`make serve` starts Airflow with your connections" in found.stderr
    assert "unset AIRFLOW_CONN_KAFKA" in found.stderr


def test_serving_says_which_connections_are_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", KAFKA)
    found = call("serve", "--home", str(tmp_path / "home"))
    assert found.exit_code == 2
    assert "export AIRFLOW_CONN_TELEMETRY, AIRFLOW_CONN_RESULTS first" in found.stderr


def test_serving_without_tables_says_what_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    found = call("serve", "--home", str(tmp_path / "home"))
    assert found.exit_code == 2
    assert "`foresight migrate` makes them" in found.stderr


def test_serving_on_a_port_that_is_taken_says_so(tmp_path: Path) -> None:
    (tmp_path / "switched-on").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(FinalError, match=f"port {port} is in use"), served(tmp_path, port):
            pass
