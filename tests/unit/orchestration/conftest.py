"""A home on SQLite with a folder for models, and the Iris tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import foresight.scoring

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the results and the models of a test are."""
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
    return tmp_path
