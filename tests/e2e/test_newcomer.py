"""README's way to one's own servers, followed literally in a fresh clone by somebody who knows nothing else.

Only addresses and passwords are put in the place of README's examples, and the job's name as the doctor says.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from foresight.conventions import TELEMETRY_TOPIC
from foresight.local.standalone import stop_session
from foresight.messaging import drain
from foresight.telemetry.catalogue import load_catalogue
from tests.servers.prometheus import NEWEST, prometheus_server, write_openmetrics

pytestmark = [
    pytest.mark.live, pytest.mark.mysql, pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.timeout(7200)
]  # fmt: skip

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
N_METRICS = 5


def steps() -> list[str]:
    """The commands of README's section, a block a step."""
    section = (PROJECT / "README.md").read_text().split("## Your own Prometheus, MySQL and Kafka")[1]
    return [re.sub(r"^ +", "", block, flags=re.MULTILINE) for block in BLOCK.findall(section)]


@pytest.fixture(scope="module")
def node_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus 3 with an hour of the five metrics of a job called node."""
    metrics = [entry.metric for entry in load_catalogue(PROJECT / "include/config/catalogue.yaml").metrics]
    now = int(time.time()) // 60 * 60
    samples = [
        (f'{metric}{{instance="a:9100",job="node"}}', epoch, 2.5e10 + 1e7 * (epoch // 60 % 7))
        for metric in metrics
        for epoch in range(now - 3600, now + 1, 60)
    ]
    history = write_openmetrics(tmp_path_factory.mktemp("history") / "node.txt", samples)
    with prometheus_server(history, suite=NEWEST) as address:
        yield address.removeprefix("http://")


class Shell:
    """A shell of the newcomer: every step adds its lines, as exports and an activated environment last."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.before = folder, "set -e\n"
        kept = {"PATH", "HOME", "LANG"}
        of_the_network = ("UV_", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name in kept or name.startswith(of_the_network)
        }

    def run(self, step: str, *, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", self.before + step],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert may_fail or done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
        return done

    def keep(self, lines: str) -> None:
        self.before += lines

    @contextmanager
    def stays(self, step: str, log: Path) -> Iterator[None]:
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", self.before + "exec " + step],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()  # make hands it on to what it started
            process.wait(60)
            stop_session(process)


def failed_tasks(database: Path) -> list[str]:
    """Tasks that Airflow has given up."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = "SELECT dag_id || '.' || task_id FROM task_instance WHERE state = 'failed'"
        return [name for (name,) in connection.execute(query)]


def test_readme_leads_to_statuses_on_ones_own_servers(
    tmp_path: Path, node_prometheus: str, mysql_url: str, kafka_servers: str
) -> None:
    clone = tmp_path / "foresight"
    subprocess.run(["git", "clone", "--quiet", PROJECT.as_uri(), clone], check=True)
    install, connections, check, apply, serve, look = steps()
    database, (host, port) = make_url(mysql_url), node_prometheus.split(":")
    shell = Shell(clone)
    shell.run(install)
    shell.keep(". .venv/bin/activate\n")
    shell.keep(
        connections.replace("prometheus.example", host)
        .replace("9090", port)
        .replace("mysql.example", str(database.host))
        .replace("3306", str(database.port))
        .replace('"login": "foresight", "password": "secret"', f'"login": "{database.username}"')
        .replace("kafka.example:9092", kafka_servers)
    )
    assert "`make serve`" in shell.run("foresight demo", may_fail=True).stderr
    told = shell.run(check).stdout
    assert "exists with job=node" in told.replace("\n", " ")
    catalogue = clone / "include/config/catalogue.yaml"
    catalogue.write_text(catalogue.read_text().replace("job: host", "job: node"))
    assert "exists with" not in shell.run("foresight doctor").stdout
    applied = shell.run(apply).stdout
    assert "host-resources" in applied
    log = tmp_path / "serve.log"
    with shell.stays(f"{serve.strip()} PORT=0", log):
        deadline = time.monotonic() + 3600  # a loud machine is no failure; a run that fails is
        while (found := shell.run(look, may_fail=True)).returncode:
            assert not failed_tasks(clone / ".foresight/serve/airflow.db"), log.read_text()
            assert time.monotonic() < deadline, log.read_text() + found.stderr
            time.sleep(5)
        assert "switched on" in log.read_text()
    for line in ("memory-free", "open-files", "node_memory_MemFree_bytes"):
        assert line in found.stdout
    assert "everything that was started is stopped" in log.read_text()
    assert len(drain({"bootstrap.servers": kafka_servers}, TELEMETRY_TOPIC, {}).messages) % N_METRICS == 0
