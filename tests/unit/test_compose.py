"""The composed stack: nothing starts without its secrets, all of it is watched, nothing written is lost."""

from __future__ import annotations

import json
import os
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
AIRFLOW = {name for name, service in SERVICES.items() if "foresight" in service["image"]}
SETTINGS = runpy.run_path(str(PROJECT / "deploy" / "entrypoint.py"))["settings"]
KEPT = {"models": "/opt/airflow/models", "files": "/opt/airflow/files", "staging": "/opt/airflow/staging"}

passwords = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def mounts(service: dict[str, Any]) -> dict[str, str]:
    return dict(entry.split(":")[:2] for entry in service.get("volumes", []))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_bounded_watched_and_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert "healthcheck" in service or name == "init"
    assert service["restart"]
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "logging", "networks"} <= set(service)
    assert name in AIRFLOW or re.search(r":v?\d+\.\d+", service["image"]), "an image without a version"


@pytest.mark.parametrize("name", sorted(AIRFLOW))
def test_containers_of_airflow_share_what_they_write(name: str) -> None:
    assert mounts(SERVICES[name]).items() >= KEPT.items()


def test_every_volume_that_is_named_is_declared() -> None:
    named = {source for service in SERVICES.values() for source in mounts(service) if source[0] not in "./"}
    assert named == set(yaml.safe_load(TEXT)["volumes"])


def test_only_the_ui_and_the_broker_are_reached_from_outside_and_only_from_this_host_unless_told() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api-server", "kafka"}
    for ports in published.values():
        assert all(":-127.0.0.1" in port for port in ports)


def test_the_secrets_are_those_that_make_env_writes_and_each_is_needed(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    make = [sys.executable, str(PROJECT / "deploy" / "make_env.py"), str(target)]
    subprocess.run(make, check=True, capture_output=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    written = dict(re.findall(r"^(\w+)='([^']+)'$", target.read_text(), re.MULTILINE))
    assert len(set(written.values())) == len(written)
    assert set(written) == set(re.findall(r"\$\{(\w+):\?", TEXT))
    again = subprocess.run(make, check=False, capture_output=True, text=True)
    assert again.returncode != 0
    assert "already" in again.stderr
    assert set(re.findall(r"\$\{(\w+):-", TEXT)).isdisjoint(written)


@given(passwords, passwords)
def test_a_secret_may_hold_any_character(one: str, other: str) -> None:
    made = SETTINGS({
        "FORESIGHT_POSTGRES_PASSWORD": one, "FORESIGHT_REDIS_PASSWORD": other,
        "FORESIGHT_MYSQL_PASSWORD": one, "FORESIGHT_MYSQL_UPKEEP_PASSWORD": other,
    })  # fmt: skip
    assert make_url(made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).password == one
    assert make_url(made["AIRFLOW__CELERY__RESULT_BACKEND"].removeprefix("db+")).password == one
    assert unquote(urlsplit(made["AIRFLOW__CELERY__BROKER_URL"]).password or "") == other
    assert json.loads(made["AIRFLOW_CONN_RESULTS"])["password"] == one
    assert json.loads(made["AIRFLOW_CONN_RESULTS_UPKEEP"])["password"] == other


def test_a_connection_that_is_set_stays() -> None:
    mine = {"AIRFLOW_CONN_RESULTS": "{}", "FORESIGHT_MYSQL_PASSWORD": "x"}
    assert "AIRFLOW_CONN_RESULTS" not in SETTINGS(mine)


def test_the_users_of_the_database_have_the_rights_that_the_guide_lists() -> None:
    script = (PROJECT / "deploy" / "mysql" / "users.sh").read_text()
    granted = re.findall(r"^GRANT (.*) ON foresight\.\* TO '(\w+)'", script, re.MULTILINE)
    assert [user for _, user in granted] == ["foresight", "foresight_upkeep"]
    guide = " ".join((PROJECT / "docs" / "operating.md").read_text().split())
    for rights, _ in granted:
        head, _, last = rights.rpartition(", ")
        assert f"{head} and {last}" in guide


@pytest.mark.parametrize("queue", ["", "ml"])
def test_what_may_need_tensorflow_runs_where_it_is(queue: str, tmp_path: Path) -> None:
    """Every queue of a task has a worker, and only these go to the workers that have TensorFlow."""
    script = (
        "import sys, json; from pathlib import Path; from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag(Path(sys.argv[1])); assert not bag.import_errors, bag.import_errors\n"
        "print(json.dumps({d.dag_id: sorted({t.queue for t in d.tasks}) for d in bag.dags.values()}))"
    )
    environment = os.environ | {
        "FORESIGHT_ML_QUEUE": queue,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "default",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(PROJECT / "dags")],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(list((PROJECT / "dags").glob("*.py")))
    apart = {name for name, queues in found.items() if queues != ["default"]}
    trained = {"batch_scoring", "model_deployment", "scoring_load_test", "slice_training"}
    assert apart == (trained if queue else set())
    served = {service["command"][-1] for name, service in SERVICES.items() if name.startswith("worker")}
    assert {queue for queues in found.values() for queue in queues} <= served
    assert SERVICES["worker"]["environment"]["FORESIGHT_ML_QUEUE"] == "ml"
