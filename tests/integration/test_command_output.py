"""Data on standard output and nothing else: every command, as a process of its own, on MySQL and on SQLite.

What a driver or a library writes would be on one of the two only: so both have to print the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from sqlalchemy import make_url

from foresight.cli.app import app

pytestmark = pytest.mark.mysql

DATA = Path(__file__).parents[1] / "data"
EVENT = str(DATA / "slices" / "1-slice-id-of-the-simulator.json")
MODEL = str(DATA / "iris" / "iris-chaid.pmml")
AS_OF = "2026-11-22T13:20:00Z"
SLAS = "slas: [{name: shop, owner: me, slis: [{name: a, metric: m, min: 1}, {name: b, metric: m, max: 5}]}]"
IRIS = json.dumps([{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}])
LOG_LINE = re.compile(r"^\S*\d{4}-\d\d-\d\d[T ]\S+ .*\b(INFO|WARNING|ERROR|DEBUG|info|warning|error)\b")
WHEN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")

STAY = {"demo", "serve"}
"""Commands that start servers of their own: their tests are elsewhere."""
COMMANDS: list[str] = [
    "migrate",
    "doctor",
    "sla lint slas.yaml",
    "sla apply -f slas.yaml --dry-run",
    "sla apply -f slas.yaml",
    "sla list",
    "sla show shop",
    "sla export",
    "sla status",
    "sla status --json",
    "sla backtest shop",
    "sla what-if shop a --max 3",
    "sla downtime add night --start 2026-12-06T01:00:00Z --for 2h --sla shop",
    "sla downtime list",
    "sla downtime delete night",
    "sla delete shop",
    "series list",
    "series show 1",
    "series curves 1",
    f"slice replay {EVENT}",
    f"slice simulate {EVENT}",
    "slice configure -f nothing.yaml",
    "slice limits",
    "slice cells",
    "slice bounds",
    "slice active",
    f"slice import-model {MODEL} --data {EVENT}",
    "slice models",
    "slice promote 1",
    "slice rollback",
    "slice status",
    "slice hold 01-000001 --reason why",
    "slice holds",
    "slice release 01-000001 --reason why",
    f"model add iris {MODEL}",
    "model list",
    "model deploy iris",
    "model show iris",
    "model score iris --file nothing.json",
    "model load-test iris --seconds 0.1",
    "model rollback iris",
    "model undeploy iris",
    "model delete iris",
    "publications list",
    f"publications requeue t {AS_OF} --why x",
    f"publications abandon t {AS_OF} --why x",
    "publications history",
    "streams list",
    "streams skip s --why x",
    "streams reset s --to beginning --why x",
    "streams history",
    "dead-letters list",
    "dead-letters requeue t:0:1 --why x",
    "dead-letters abandon t:0:1 --why x",
    "dead-letters history",
    "topics create",
    "slice simulate-nothing",
]

PROGRAM = """
import json, os, sys, tempfile
from foresight.cli import main
found = []
real = os.dup(1)
for words in json.load(sys.stdin):
    files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
    for number, file in zip((1, 2), files):
        os.dup2(file.fileno(), number)
    sys.argv = ["foresight", *words]
    status = 0
    try:
        main()
    except SystemExit as error:
        status = error.code or 0
    except BaseException as error:
        status = repr(error)
    sys.stdout.flush(), sys.stderr.flush()
    texts = []
    for file in files:
        file.seek(0)
        texts.append(file.read().decode())
    found.append([status, *texts])
os.write(real, json.dumps(found).encode())
"""


def every_command(given: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that there is, from the top."""
    for name, inner in getattr(given, "commands", {}).items():
        yield from every_command(inner, (*path, name))
    if not hasattr(given, "commands"):
        yield " ".join(path)


def test_every_command_is_tried() -> None:
    known = set(every_command(typer.main.get_command(app))) - STAY
    assert {name for name in known if not any(each.startswith(name) for each in COMMANDS)} == set()


@cache
def printed(kind: str, results: str, folder: Path) -> dict[str, tuple[Any, str, str]]:
    """Status, standard output and standard error of each command, in order, on one database."""
    home = folder / kind
    home.mkdir()
    (home / "slas.yaml").write_text(SLAS)
    (home / "catalogue.yaml").write_text("metrics: [{name: m, metric: m}]\n")
    connections = {
        "RESULTS": results,
        "TELEMETRY": json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": 1}),
        "KAFKA": json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1"}}),
    }
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
        **{f"AIRFLOW_CONN_{name}": value for name, value in connections.items()},
        "AIRFLOW_HOME": str(home),
        "FORESIGHT_CONFIG": str(home),
        "FORESIGHT_FILES": str(home / "files"),
    }
    words = [command.split() for command in COMMANDS]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(words), cwd=home, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(zip(COMMANDS, map(tuple, json.loads(done.stdout)), strict=True))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def on_both(
    tmp_path_factory: pytest.TempPathFactory, mysql_url: str
) -> dict[str, dict[str, tuple[Any, str, str]]]:
    folder = tmp_path_factory.mktemp("commands")
    url = make_url(mysql_url)
    mysql = {"conn_type": "mysql", "host": url.host, "port": url.port, "login": url.username}
    mysql |= {"password": url.password or "", "schema": url.database}
    sqlite = {"conn_type": "sqlite", "host": str(folder / "results.db")}
    return {
        kind: printed(kind, json.dumps(given), folder)
        for kind, given in (("mysql", mysql), ("sqlite", sqlite))
    }


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["mysql", "sqlite"])
def test_no_command_logs_on_standard_output_or_fails_with_a_traceback(
    kind: str, on_both: dict[str, dict[str, tuple[Any, str, str]]]
) -> None:
    for command, (status, out, err) in on_both[kind].items():
        assert isinstance(status, int), f"{command}: {status}\n{err}"
        assert "Traceback" not in err, f"{command}\n{err}"
        assert status == 0 or command == "doctor" or out == "", f"{command} fails and prints {out}"
        assert not [line for line in out.splitlines() if LOG_LINE.search(line)], f"{command}\n{out}"


@pytest.mark.timeout(1200)
def test_both_databases_print_the_same(on_both: dict[str, dict[str, tuple[Any, str, str]]]) -> None:
    of_the_store = {"migrate", "doctor"}
    for command in set(COMMANDS) - of_the_store:
        mysql, sqlite = (WHEN.sub("WHEN", on_both[kind][command][1]) for kind in ("mysql", "sqlite"))
        assert mysql == sqlite, command
        assert on_both["mysql"][command][0] == on_both["sqlite"][command][0], command
    done = {command for command, (status, _, _) in on_both["mysql"].items() if status == 0}
    assert {"migrate", "sla apply -f slas.yaml", "sla export", "model deploy iris", "sla list"} <= done
    exported = list(yaml.safe_load_all(on_both["mysql"]["sla export"][1]))
    assert {document["kind"] for document in exported} >= {"Service", "SLO"}
