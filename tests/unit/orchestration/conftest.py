"""What steps run on here: SQLite, the embedded broker, folders of a test; the Iris tree, a slice model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import foresight.scoring
from foresight.messaging.embedded import start_broker
from foresight.orchestration.connections import prepare_results
from foresight.orchestration.slices import models as slice_models
from foresight.slices.recording import Recording
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.store import Store
from tests.unit.orchestration.slice_runs import DATA, NOW

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the results and the models of a test are."""
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
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
    opened = prepare_results()
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
        file, part, target=Target.REFERENCE, split="time", at=NOW, by="test"
    )
    slice_models.promote(version, at=NOW, by="test", reason="the only one")
    return version
