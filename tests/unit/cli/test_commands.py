"""The command line on embedded defaults: what it says, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from typer.testing import CliRunner, Result

from foresight.cli import app
from foresight.store import migrate, stored_revision
from foresight.store.checks import count_rows
from foresight.store.tables import metadata, sla_revision
from foresight.wiring.connections import open_results

SLAS = """
slas:
  - name: quiet
    owner: me
    slis: [{name: low, metric: smd_d05, max: 0.9, objective: 0.95}]
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    # What is not for a client of ours may stand in a connection too: Airflow's own operators read it.
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1", "error_cb": "a.b.c"}}
    config = Path(__file__).parents[3] / "include" / "config" / "demo"
    monkeypatch.setenv("FORESIGHT_CONFIG", str(config))
    monkeypatch.setenv("AIRFLOW_CONN_TELEMETRY", json.dumps({"conn_type": "recording", "host": "smd"}))
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps(kafka))
    migrate(open_results())


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def apply(tmp_path: Path, text: str = SLAS, *more: str) -> Result:
    file = tmp_path / "slas.yaml"
    file.write_text(text)
    return call("sla", "apply", "-f", str(file), *more)


def assert_nothing_is_stored() -> None:
    def n_rows(connection: Connection) -> int:
        return sum(count_rows(connection, table) for table in metadata.sorted_tables)

    assert open_results().read(n_rows) == 0


def test_an_sla_is_applied_listed_shown_exported_and_deleted(tmp_path: Path) -> None:
    assert "quiet" in apply(tmp_path).output
    assert "applied" not in apply(tmp_path).output.replace("unchanged", "")
    assert "me" in call("sla", "list").output
    assert "smd_d05" in call("sla", "show", "quiet").output
    assert "apiVersion: openslo/v1" in call("sla", "export").output
    assert call("sla", "delete", "quiet").exit_code == 0
    assert "quiet" not in call("sla", "list").output


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    assert "checked" in apply(tmp_path, SLAS, "--dry-run").output
    assert_nothing_is_stored()


@pytest.mark.parametrize(
    "words",
    [
        "sla list", "sla show x", "sla export", "sla status", "sla delete x", "series list", "series show 1",
        "slice status", "model list", "sla apply -f FILE",
    ],
)  # fmt: skip
def test_without_tables_a_command_says_what_makes_them_and_makes_none(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "empty.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    (tmp_path / "slas.yaml").write_text(SLAS)
    found = call(*words.replace("FILE", str(tmp_path / "slas.yaml")).split())
    assert (found.exit_code, found.stdout) == (2, "")
    assert "has no tables yet: `foresight migrate` makes them" in found.output.replace("\n", "")
    assert open_results().read(stored_revision) is None


def test_migrate_makes_the_tables_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "empty.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    assert "from no tables" in call("migrate").output.replace("\n", "")
    assert "unchanged" in call("migrate").output.replace("\n", "")
    assert call("sla", "list").exit_code == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("max: 0.9", "max: 0.1, min: 0.2"), "slas.yaml:5: slas[0].slis[0]"),
        (("max: 0.9, ", ""), "slas.yaml:5"),
        (("smd_d05", "smd_5"), "did you mean smd_"),
        (("objective: 0.95", "objective: 1"), "objective"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_nothing_is_applied(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    found = apply(tmp_path, SLAS.replace(*change))
    assert found.exit_code == 2
    assert complaint in found.output.replace("\n", "")
    assert_nothing_is_stored()


def test_a_name_that_nothing_has_is_told_without_a_traceback(tmp_path: Path) -> None:
    apply(tmp_path)
    found = call("sla", "show", "nobody")
    assert (found.exit_code, "there is no SLA 'nobody'" in found.output) == (2, True)
    assert call("series", "show", "1").exit_code == 2
    for command in ("sla status", "sla status quiet", "sla status --json", "sla status quiet --json"):
        found = call(*command.split())
        assert (found.exit_code, found.stdout) == (2, "")
        assert "no status is stored yet" in found.output


@pytest.mark.parametrize("text", ["", "slas: []\n", "# nothing\n", "---\n---\n"])
def test_a_file_without_an_sla_is_not_applied_in_silence(tmp_path: Path, text: str) -> None:
    for more in ((), ("--dry-run",)):
        found = apply(tmp_path, text, *more)
        assert (found.exit_code, found.stdout) == (2, "")
        assert f"there is no SLA in {tmp_path / 'slas.yaml'}" in found.output.replace("\n", "")
    assert_nothing_is_stored()


def test_a_folder_without_a_yaml_file_is_not_applied_in_silence(tmp_path: Path) -> None:
    (tmp_path / "slas.txt").write_text(SLAS)
    found = call("sla", "apply", "-f", str(tmp_path))
    assert (found.exit_code, "there is no SLA in" in found.output) == (2, True)


def test_a_metric_without_a_series_is_not_listed_in_silence(tmp_path: Path) -> None:
    apply(tmp_path)
    found = call("series", "list", "nosuchmetric")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "no series is stored yet" in found.output


def test_a_user_whom_the_system_has_no_name_for_is_kept_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 3_141_592)
    assert apply(tmp_path).exit_code == 0
    found = open_results().read(lambda c: c.execute(select(sla_revision.c.applied_by)).scalar())
    assert found == "3141592"


def test_doctor_names_what_a_run_would_fail_at() -> None:
    found = call("doctor")
    assert found.exit_code == 1
    assert "127.0.0.1:1 does not answer" in found.output.replace("\n", "")
    assert "recording" in found.output


def test_doctor_tells_of_settings_that_kafka_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"bootstrap.servers": "127.0.0.1:1", "no.such.setting": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps({"conn_type": "kafka", "extra": extra}))
    found = call("doctor")
    assert found.exit_code == 1
    assert "settings are not usable" in found.output.replace("\n", "")


def test_brackets_of_users_are_shown_as_they_are(tmp_path: Path) -> None:
    text = SLAS.replace("owner: me", 'owner: "[bold]me"\n    description: "see [/docs]"')
    assert apply(tmp_path, text).exit_code == 0
    for command in (("sla", "list"), ("sla", "show", "quiet")):
        shown = call(*command).output
        assert "see [/docs]" in shown
        assert "[bold]me" in shown
