"""The slice commands on embedded defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from foresight.cli import app
from foresight.store import migrate
from foresight.wiring.connections import open_results

DATA = Path(__file__).parents[2] / "data" / "onap"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    migrate(open_results())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "recording.parquet"
    pq.write_table(pq.read_table(DATA / "train_s1.parquet").slice(0, 1500), file)
    return file


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["slice", *map(str, arguments)])


def test_a_published_model_is_imported_judged_put_to_use_and_rehearsed(recording: Path) -> None:
    imported = call("import-model", DATA / "best_model.h5", "--data", recording)
    assert imported.exit_code == 0, imported.output
    version = imported.output.partition(":")[0]
    assert "RMSE" in imported.output
    assert "no reference model is in use" in call("replay", recording).output.replace("\n", " ")
    assert "is in use" in call("promote", version[:6]).output
    assert "champion" in call("models").output
    assert "promoted" in call("models", "--history", "reference").output
    rehearsed = call("replay", recording)
    assert "limits broken: 0" in rehearsed.output
    assert f"{11 * 1496} (11 cells, 1500 periods)" in rehearsed.output
    assert "0 measurements" in call("status").output


def test_a_file_that_is_no_model_is_told_and_nothing_is_registered(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.h5"
    file.write_bytes((DATA / "best_model.h5").read_bytes()[:5000])
    found = call("import-model", file, "--data", recording)
    assert (found.exit_code, "no Keras network that fits" in found.output.replace("\n", " ")) == (2, True)
    assert "candidate" not in call("models").output


def test_there_is_nothing_to_go_back_to_at_first() -> None:
    found = call("rollback")
    assert (found.exit_code, "none was in use before" in found.output) == (2, True)


def test_limits_are_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "limits.csv"
    file.write_text("snssai,cu,cell,maxNumberOfConns\n01-A,,1,100\n")
    assert "1 limits, 1 of them new or changed" in call("configure", "-f", file).output
    assert "0 of them" in call("configure", "-f", file).output


def test_limits_cells_bounds_and_active_slices_are_loaded_and_listed(tmp_path: Path) -> None:
    given = {
        "configure": ("snssai,cu,cell,maxNumberOfConns\n01-a,,1,100\n", "1 limits"),
        "cells": ("cu,cell,cellLocalId,nearRTRICId,capacity\ncu1,N=1,4711,ric-9,250\n", "1 cells"),
        "bounds": ("snssai,cell,floor,ceiling\n01-a,1,40,\n", "1 bounds"),
        "active": ("snssai,active\n01-a,no\n", "1 slices"),
    }
    for command, (text, told) in given.items():
        file = tmp_path / f"{command}.csv"
        file.write_text(text)
        assert told in call(command, "-f", file).output
    assert "01-A" in call("limits").output
    assert "0 of 0 limits" in call("limits", "--snssai", "02").output
    assert "4711" in call("cells").output
    assert "40" in call("bounds").output
    assert "False" in call("active").output
    wrong = call("cells", "-f", tmp_path / "active.csv")
    assert (wrong.exit_code, "columns cell are absent" in wrong.output.replace("\n", " ")) == (2, True)


def test_simulated_data_is_written_rehearsed_and_ends_now(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "simulated.csv"
    assert (
        "4 cells over 20 periods" in call("simulate", file, "--cells", 4, "--periods", 20, "--daily").output
    )
    version = call("import-model", DATA / "best_model.h5", "--data", recording).output.partition(":")[0]
    call("promote", version)
    assert f"{4 * 16} (4 cells, 20 periods)" in call("replay", file).output
    refused = call("simulate", tmp_path / "simulated.txt")
    assert (refused.exit_code, "expected one of" in refused.output.replace("\n", " ")) == (2, True)


def test_a_slice_is_held_and_released_with_a_reason(tmp_path: Path) -> None:
    assert call("hold", "01-b989bd").exit_code == 2  # a reason is asked for
    assert "is held" in call("hold", "01-b989bd", "--reason", "a concert").output
    assert "was held already" in call("hold", "01-B989BD", "--reason", "still").output
    assert "held" in call("holds").output
    assert "is released" in call("release", "01-B989BD", "--reason", "it is over").output
    assert "it is over" in call("holds").output
    unknown = call("release", "02-FF", "--reason", "why")
    assert (unknown.exit_code, "nobody holds slice 02-FF" in unknown.output) == (2, True)
