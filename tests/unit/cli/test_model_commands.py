"""`foresight model`: what it says, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import foresight.scoring
from foresight.cli import app
from foresight.store import migrate
from foresight.wiring.connections import open_results

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    migrate(open_results())
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["model", *arguments])


def test_a_model_is_added_deployed_shown_scored_and_deleted(tmp_path: Path) -> None:
    assert "version 1: added" in call("add", "iris", str(IRIS), "--note", "first").output
    assert "unchanged" in call("add", "iris", str(IRIS)).output
    assert "version 1 deployed" in call("deploy", "iris", "--defaults", '{"workers": 2}').output
    assert "champion" in call("list").output
    shown = call("show", "iris").output
    assert all(word in shown for word in ("petal_width", "PredictedValue", '"workers": 2', "first"))
    scored = call("score", "iris", "--record", json.dumps(FLOWER))
    assert (scored.exit_code, json.loads(scored.output)["Prediction"]["PredictedValue"]) == (0, "setosa")
    assert call("delete", "iris").exit_code == 2
    assert "version 1 undeployed" in call("undeploy", "iris").output
    assert "deleted 1" in call("delete", "iris").output


def test_a_bad_record_is_told_and_fails() -> None:
    call("add", "iris", str(IRIS))
    call("deploy", "iris")
    found = call("score", "iris", "--record", json.dumps({**FLOWER, "petal_width": "wide"}))
    assert found.exit_code == 1
    assert "petal_width" in json.loads(found.output)["PredictionError"]


def test_a_file_is_scored_line_by_line_in_its_order(tmp_path: Path) -> None:
    call("add", "iris", str(IRIS))
    call("deploy", "iris")
    header, row = ",".join(FLOWER), ",".join(map(str, FLOWER.values()))
    (tmp_path / "flowers.csv").write_text(f"{header}\n{row}\n5,3,1\n{row}\n")
    found = call("score", "iris", "-f", str(tmp_path / "flowers.csv"))
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert ["Prediction" in line for line in lines] == [True, False, True]
    assert "3 records: 2 good, 1 bad" in found.stderr


def test_what_is_not_there_is_told_without_a_traceback() -> None:
    found = call("deploy", "rose")
    assert (found.exit_code, "there is no model 'rose'" in found.output) == (2, True)
    assert call("score", "rose", "--record", "{").exit_code == 2
    assert call("rollback", "rose").exit_code == 2


def test_going_back_puts_the_version_before_to_use(tmp_path: Path) -> None:
    other = tmp_path / "other.pmml"
    other.write_text(IRIS.read_text() + "<!-- 2 -->")
    for file in (IRIS, other):
        call("add", "iris", str(file))
        call("deploy", "iris")
    assert "version 1 instead of 2" in call("rollback", "iris").output
