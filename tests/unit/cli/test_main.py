"""The command as it is installed: it finds connections that were made in Airflow's UI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[3]

PROGRAM = """
import json, sys
from airflow.models import Connection
from airflow.utils.db import initdb
from airflow.utils.session import create_session

initdb()
with create_session() as session:
    for name, given in json.loads(sys.argv.pop()).items():
        session.add(Connection(conn_id=name, **given))

from foresight.cli import main

sys.argv[1:] = ["sla", "list"]
try:
    main()
except SystemExit as ended:
    from foresight.wiring.connections import open_telemetry
    print(ended.code, open_telemetry())
"""


def test_connections_that_are_in_the_database_of_airflow_alone_are_found(tmp_path: Path) -> None:
    connections = {
        "telemetry": {"conn_type": "recording", "host": "smd", "extra": json.dumps({"last_row": 7})},
        "results": {"conn_type": "sqlite", "host": str(tmp_path / "results.db")},
    }
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(connections)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "has no tables yet" in done.stderr
    assert done.stdout.splitlines()[-1] == "2 RecordingSource(name='smd', last_row=7, last_slot_at=0)"


def test_it_is_what_the_script_calls() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"foresight": "foresight.cli:main"}
