"""Airflow is configured before anything imports it; and what tests run on: SQLite, the embedded broker."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="foresight-unit-"))

from foresight.messaging.embedded import start_broker
from foresight.scoring.trial import try_out
from foresight.services.scoring import models
from foresight.services.slices import models as slice_models
from foresight.slices.recording import Recording
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.store import Store, migrate
from foresight.wiring.connections import open_results
from tests.unit.registry import prepared_results
from tests.unit.slice_runs import DATA, NOW

_PASSED: set[tuple[str, bytes, str]] = set()


@pytest.fixture(autouse=True)
def _without_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test opens no connection, but to a server of its own where it is marked ``loopback``."""
    connect, is_marked = socket.socket.connect, request.node.get_closest_marker("loopback") is not None

    def refuse(opened: socket.socket, address: Any) -> None:
        is_own = opened.family == socket.AF_UNIX or (is_marked and address[0] in {"127.0.0.1", "::1"})
        if not is_own:
            pytest.fail(
                f"a unit test connects to {address}: mark it loopback, or move it to tests/integration"
            )
        connect(opened, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def _tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that passed its trial passes it again: a process of tests tries the same bytes once."""

    def try_once(data: bytes, kind: str) -> None:
        key = (kind, data, str(try_out.__kwdefaults__))
        if key not in _PASSED:
            try_out(data, kind)
            _PASSED.add(key)

    monkeypatch.setattr(models, "try_out", try_once)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the results and the models of a test are."""
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
    monkeypatch.setenv("FORESIGHT_FILES", str(tmp_path))
    migrate(open_results())
    return tmp_path


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    owner, servers = start_broker()
    connection = {"conn_type": "kafka", "extra": {"bootstrap.servers": servers}}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps(connection))
    yield {"bootstrap.servers": servers}
    del owner


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    opened = prepared_results()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def published() -> Recording:
    return read_recording(DATA / "train_s1.parquet")


@pytest.fixture
def champion(store: Store, published: Recording) -> str:
    file = DATA / "best_model.h5"
    part = Recording(published.keys, 0, published.counters[:, :2000], published.configured[:, :2000])
    version, _ = slice_models.import_file(
        store, file, part, target=Target.REFERENCE, split="time", at=NOW, by="test"
    )
    slice_models.promote(store, version, at=NOW, by="test", reason="the only one")
    return version
