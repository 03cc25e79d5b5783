"""A load test as a run and as a command: figures stored, a plot, and defaults that are taken or left."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from foresight.cli import app
from foresight.errors import FinalError
from foresight.orchestration.scoring.steps import load_test
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.load_test import Grid
from foresight.services.scoring import load_tests as scoring_load_tests
from foresight.store.models import Change
from foresight.store.tables import scoring_load_test
from foresight.wiring.connections import open_results
from tests.unit import registry as models
from tests.unit.iris import FLOWER, IRIS

ME = Change("me", 1_700_000_040)
SMALL = Grid((5, 50), (2,), 0.05, 0.1)


@pytest.fixture(autouse=True)
def _deployed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESIGHT_STAGING", (home / "staging").as_uri())
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME, defaults={"queue_size": 7, "workers": 200})


def stored() -> list[Any]:
    return list(open_results().read(lambda c: c.execute(select(scoring_load_test)).all()))


def test_a_run_stores_its_figures_and_the_deployment_takes_the_best(home: Path) -> None:
    params = {"deployment": "iris", "bundle_sizes": [5, 50], "workers": [2], "seconds": 0.05,
              "error_share": 0.1, "file": None, "keep": True}  # fmt: skip
    due = datetime(2026, 1, 1, tzinfo=UTC)
    run = SimpleNamespace(dag_id="scoring_load_test", run_id="r1", run_after=due, triggering_user_name="ann")
    for _ in range(2):
        found = load_test({"dag_run": run, "params": params})
    assert Path(found["plot"].removeprefix("file://")).read_bytes().startswith(b"<?xml")
    rows = stored()
    assert sorted((row.bundle_size, row.senders) for row in rows) == [(5, 2), (50, 2)]
    (best,) = (row for row in rows if row.is_recommended)
    shown = models.get_model("iris")
    assert shown.deployments[0].defaults == {
        "queue_size": 7, "bundle_size": best.bundle_size, "workers": 2,
    }  # fmt: skip
    assert shown.changes[0].action == "configured"
    assert (shown.changes[0].changed_by, shown.changes[0].note) == ("ann", "load test r1")
    assert all(row.n_good + row.n_bad == row.n_records and row.n_bad for row in rows)


def test_records_of_a_file_may_be_used_and_the_defaults_left(home: Path) -> None:
    (home / "in.csv").write_text(",".join(FLOWER) + "\n" + "5.1,3.5,1.4,0.2\n" * 9 + "5,3,1,\n")
    found = models.run_load_test(
        "iris", Grid((10,), (1,), 0.05), ("d", "r"), ME, file=str(home / "in.csv"), keep=False
    )
    assert found.action is None
    assert found.cells[0].n_bad == found.cells[0].n_records // 10
    assert models.get_model("iris").deployments[0].defaults["workers"] == 200
    (home / "empty.csv").write_text(",".join(FLOWER) + "\n")
    with pytest.raises(InvalidMapping, match="has no records"):
        models.run_load_test("iris", SMALL, ("d", "r"), ME, file=str(home / "empty.csv"))


def test_a_version_that_came_meanwhile_keeps_its_defaults(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "two.pmml").write_text(IRIS.read_text() + "<!-- 2 -->")
    real = scoring_load_tests.measure

    def slow(*given: Any) -> Any:
        models.add("iris", str(home / "two.pmml"), ME)
        models.deploy("iris", ME, defaults={})
        yield from real(*given)

    monkeypatch.setattr(scoring_load_tests, "measure", slow)
    with pytest.raises(FinalError, match="is version 2 now, not 1"):
        models.run_load_test("iris", SMALL, ("d", "r"), ME)
    assert models.get_model("iris").deployments[0].defaults == {}
    assert len(stored()) == 2


def test_the_old_name_of_the_parameter_still_works(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    params = {"deployment": "iris", "bundle_sizes": [5], "workers": [1, 2], "senders": [3], "seconds": 0.05,
              "error_share": 0.1, "file": None, "keep": False}  # fmt: skip
    due = datetime(2026, 1, 1, tzinfo=UTC)
    run = SimpleNamespace(dag_id="scoring_load_test", run_id="r1", run_after=due, triggering_user_name="ann")
    load_test({"dag_run": run, "params": params})
    assert [row.senders for row in stored()] == [3]
    assert "the parameter senders is called workers now" in caplog.text


def test_the_command_shows_a_table_and_says_what_it_changed() -> None:
    arguments = [
        "model",
        "load-test",
        "iris",
        "--bundle-sizes",
        "5,50",
        "--workers",
        "1",
        "--seconds",
        "0.05",
    ]
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, found.output.count("recommended")) == (0, 1), found.output
    assert "defaults of iris: configured" in found.output
    assert json.loads(json.dumps(models.get_model("iris").deployments[0].defaults))["workers"] == 1
    arguments[arguments.index("--workers")] = "--senders"
    old = CliRunner().invoke(app, arguments)
    assert (old.exit_code, "--senders is called --workers now" in old.stderr) == (0, True)
    wrong = CliRunner().invoke(app, ["model", "load-test", "iris", "--workers", "two"])
    assert (wrong.exit_code, "whole numbers" in wrong.output) == (2, True)
    assert CliRunner().invoke(app, ["model", "load-test", "iris", "--bundle-sizes", "0"]).exit_code == 2
