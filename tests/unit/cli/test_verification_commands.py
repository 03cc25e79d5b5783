"""The verification commands on an empty store: what they print, and what they refuse in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foresight.cli.app import app
from foresight.forecasting.calibrator import shipped
from foresight.forecasting.fleet import FleetCalibrator
from foresight.forecasting.refit import Correction
from foresight.services import calibrators
from foresight.store import migrate
from foresight.wiring.connections import open_results


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["verification", *arguments])


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    migrate(open_results())


def test_an_hour_without_predictions_is_judged_and_reported_as_such() -> None:
    assert "no prediction of that time was judged yet" in run("report").stderr
    [hour] = json.loads(run("run", "--hour", "2026-01-01T10:30:00Z", "--json").stdout)
    assert hour["n_predicted"] == 0
    assert hour["hour"] == 1_767_265_200
    assert "predicted" in run("run").stdout


def test_decisions_are_listed_and_taken_back_by_hand() -> None:
    assert "nothing to learn from yet" in run("refit").stdout
    assert "there is nothing to go back to" in run("roll-back", "--reason", "no").stderr
    candidate = FleetCalibrator(shipped(), Correction(1.1, 0.0))
    calibrators.promote_by_hand(open_results(), candidate, 600, by="me", reason="a test")
    refused = run("roll-back", "--reason", "no", "--expected", "another")
    assert refused.exit_code == 2
    assert "not another: nothing was changed" in refused.stderr
    assert f"in use: {shipped().version}" in run("roll-back", "--reason", "too high").stdout
    changes = json.loads(run("history", "--json").stdout)["changes"]
    assert [each["action"] for each in changes] == ["rolled_back", "promoted"]
    assert "too high" in run("history").stdout.replace("\n", " ")
