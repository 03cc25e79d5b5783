"""The SLA commands: lint without a connection, apply with what changes, planned downtime."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foresight.cli.app import app
from foresight.store import migrate
from foresight.wiring.connections import open_results
from tests.unit.services.sla_scene import AS_OF, fill, spikes
from tests.unit.sla.golden import FOLDER

ONE = "slas: [{name: shop, slis: [{name: a, metric: m, min: 1}, {name: b, metric: m, min: 0}]}]"
OTHER = "slas: [{name: shop, slis: [{name: a, metric: m, min: 2}]}]"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["sla", *map(str, arguments)])


@pytest.fixture
def store_of_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("FORESIGHT_CONFIG", str(tmp_path))
    (tmp_path / "catalogue.yaml").write_text("metrics: [{name: m, metric: m}]\n")
    migrate(open_results())
    return tmp_path


def test_lint_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_RESULTS", raising=False)
    found = run("lint", FOLDER / "sloth" / "getting-started.yml", FOLDER / "own" / "openslo-alerts.yaml")
    assert found.exit_code == 0, found.stderr
    assert "SLAs with" in found.stdout
    assert "nothing is wrong" in found.stdout
    assert "slos[0].alerting.labels: left out" in found.stderr


def test_lint_says_every_mistake_with_its_place_and_fails(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("slas: [{name: a, slis: [{name: i, metrc: up, min: 0}]}]")
    found = run("lint", tmp_path / "one.yaml", FOLDER / "own" / "pyrra-grouping-refused.yaml")
    assert found.exit_code == 2
    assert "one.yaml:1: slas[0].slis[0].metrc: there is no such key; did you mean metric?" in found.stderr
    assert "grouping makes an SLO of each label value" in found.stderr


def test_apply_shows_what_changes_and_what_is_kept_or_removed(store_of_home: Path) -> None:
    file = store_of_home / "slas.yaml"
    file.write_text(ONE)
    assert "applied, 2 SLIs" in run("apply", "-f", file).stdout
    file.write_text(OTHER)
    kept = run("apply", "-f", file).stdout
    assert "  ~ a\n" in kept
    assert "  = b: kept, no file has them; --prune removes them" in kept
    assert "  - b\n" in run("apply", "-f", file, "--prune", "--dry-run").stdout
    assert "shop" in run("apply", "-f", file, "--prune").stdout
    assert "b" not in run("show", "shop").stdout.split()


def test_downtime_is_added_listed_and_deleted(store_of_home: Path) -> None:
    file = store_of_home / "slas.yaml"
    file.write_text(ONE)
    run("apply", "-f", file)
    usual = ("downtime", "add", "night", "--start", "2026-12-06T01:00:00Z", "--for", "2h")
    added = run(*usual, "--sla", "shop", "--rule", "FREQ=WEEKLY;BYDAY=SU")
    assert added.exit_code == 0, added.stderr
    assert "FREQ=WEEKLY;BYDAY=SU" in run("downtime", "list").stdout
    assert "there is no SLA 'other'" in run(*usual, "--sla", "other").stderr
    assert "either an SLA or labels" in run(*usual).stderr
    assert "has no time zone: write it with Z" in run(
        "downtime", "add", "x", "--start", "2026-12-06", "--for", "2h", "--sla", "shop"
    ).stderr  # fmt: skip
    assert run("downtime", "delete", "night").exit_code == 0
    assert "there is no planned downtime 'night'" in run("downtime", "delete", "night").stderr


def test_a_backtest_and_a_what_if_read_the_store_and_print_their_tables(store_of_home: Path) -> None:
    fill(open_results(), spikes(1, 1500))
    instant = datetime.fromtimestamp(AS_OF, UTC).isoformat()
    plot = store_of_home / "plot.png"
    found = run("backtest", "shop", "--until", instant, "--days", "0.2", "--plot", plot)
    assert found.exit_code == 0, found.stderr
    assert "load" in found.stdout
    assert "wide: nothing was violated" in found.stdout
    assert plot.read_bytes()[:4] == b"\x89PNG"
    [load, _] = json.loads(run("backtest", "shop", "--until", instant, "--days", "0.2", "--json").stdout)
    assert load["n_judged"] > 0
    asked = run("what-if", "shop", "load", "--max", "100", "--until", instant)
    assert asked.exit_code == 0, asked.stderr
    assert "48 → 0 violated minutes of 720" in asked.stdout
    both = json.loads(run("what-if", "shop", "load", "--max", "100", "--until", instant, "--json").stdout)
    assert set(both) == {"present", "changed"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("backtest", "shop"), "nothing is stored yet"),
        (("backtest", "shop", "--until", "yesterday"), "'yesterday' is no instant"),
        (("backtest", "shop", "--until", "2026-01-01T00:00:00"), "no time zone"),
        (
            ("what-if", "shop", "load", "--max", "big", "--until", "2026-01-01T00:00:00Z"),
            "number or the word",
        ),
        (("what-if", "shop", "load", "--until", "2026-01-01T00:00:00Z"), "at least one change"),
        (("what-if", "nobody", "load", "--max", "1", "--until", "2026-01-01T00:00:00Z"), "there is no SLA"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    store_of_home: Path, arguments: tuple[str, ...], message: str
) -> None:
    file = store_of_home / "slas.yaml"
    file.write_text(ONE.replace("name: a,", "name: load,"))
    run("apply", "-f", file)
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in found.stderr
