from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from foresight.store import Store, migrate, open_store
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.web.app import create_app
from foresight.web.context import Doors
from foresight.web.limits import Limits
from foresight.wiring.connections import results
from foresight.wiring.scoring import scoring
from tests.unit.web.door import Door, RoleGate
from tests.unit.web.pages_scene import AS_OF, fill_pages

NOW = 1_790_000_000
CATALOGUE = Catalogue(metrics=(WatchedMetric(name="up", metric="up"),))
LOAD = Catalogue(metrics=(WatchedMetric(name="load", metric="load"),))


@cache
def one_app() -> FastAPI:
    """One app for all tests: making it takes seconds. Its doors lead where each test needs them."""
    return create_app(
        Doors(RoleGate(), open_store=scoring, open_scoring=scoring, open_catalogue=lambda: CATALOGUE)
    )  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def empty_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results database with its tables: making them takes longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "results.db"
    made = open_store(f"sqlite:///{file}")
    migrate(made)
    made.read(lambda connection: connection.execute(text("SELECT 1")))
    made.close()
    return file


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_results: Path) -> Iterator[Store]:
    file = tmp_path / "results.db"
    shutil.copy(empty_results, file)
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
    opened = results()
    yield opened
    opened.close()


@pytest.fixture
def gate() -> RoleGate:
    return RoleGate()


@pytest.fixture
def doors(store: Store, gate: RoleGate) -> Doors:
    found: Doors = one_app().state.doors
    found.gate, found.open_store, found.clock = gate, lambda: store, lambda: NOW
    found.limits, found.own_origins = Limits(), frozenset({"https://airflow.example.org"})
    found.forget()
    return found


@pytest.fixture
def app(doors: Doors) -> FastAPI:
    return one_app()


@pytest.fixture
def door(app: FastAPI) -> Door:
    return Door(app)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_results: Path) -> Iterator[Store]:
    """Results that no test changes."""
    file = tmp_path_factory.mktemp("pages") / "results.db"
    shutil.copy(empty_results, file)
    opened = open_store(f"sqlite:///{file}")
    fill_pages(opened)
    yield opened
    opened.close()


@pytest.fixture
def pages(filled: Store) -> Iterator[Door]:
    app: FastAPI = one_app()
    doors: Doors = app.state.doors
    before = (doors.gate, doors.open_store, doors.open_catalogue, doors.clock)
    doors.gate, doors.open_store, doors.clock = RoleGate(), lambda: filled, lambda: AS_OF + 60
    doors.open_catalogue, doors.limits = lambda: LOAD, Limits()
    doors.forget()
    yield Door(app, base="")
    doors.gate, doors.open_store, doors.open_catalogue, doors.clock = before
