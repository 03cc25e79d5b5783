"""What a fresh interpreter imports: read commands find no Airflow, and help finds no NumPy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foresight.store import migrate, open_store

ROOT = Path(__file__).parents[2] / "include" / "foresight"
PROGRAM = """
import sys
from foresight.cli import main
try:
    main()
finally:
    found = {name.partition(".")[0] for name in sys.modules}
    heavy = {"airflow", "tensorflow", "keras", "great_expectations", "numpy", "rich"}
    print("imported", *sorted(found & heavy), file=sys.stderr)
"""
READ_COMMANDS = (
    "sla list", "sla export", "sla status", "sla show nobody", "series list", "series show 1",
    "series curves 1", "slice status", "slice models", "model list", "model show nobody",
)  # fmt: skip
HEAVY = {"airflow", "tensorflow", "keras", "great_expectations"}


def imported_by(command: str, home: Path) -> set[str]:
    """Which of the heavy packages are imported when the command ends."""
    connections = {
        "results": {"conn_type": "sqlite", "host": str(home / "results.db")},
        "telemetry": {"conn_type": "recording", "host": "smd"},
        "kafka": {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1"}},
    }
    environment = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    environment |= {f"AIRFLOW_CONN_{name.upper()}": json.dumps(given) for name, given in connections.items()}
    environment["AIRFLOW_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command.split()],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    marker, *found = done.stderr.splitlines()[-1].split()
    assert marker == "imported", done.stderr
    return set(found)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walls")
    store = open_store(f"sqlite:///{folder / 'results.db'}")
    migrate(store)
    store.close()
    return folder


@pytest.mark.parametrize("command", READ_COMMANDS)
def test_a_command_that_reads_imports_nothing_heavy(command: str, home: Path) -> None:
    assert imported_by(command, home) & HEAVY == set()


def test_the_doctor_imports_only_what_it_checks_expectations_and_dags_with(home: Path) -> None:
    assert imported_by("doctor", home) & HEAVY == {"great_expectations", "airflow"}


@pytest.mark.parametrize("command", ["--help", "--version", "sla --help", "slice --help", "model --help"])
def test_help_imports_neither_numpy_nor_rich(command: str, home: Path) -> None:
    assert imported_by(command, home) == set()


@pytest.mark.parametrize("room", ["services", "store", "messaging", "sla", "slices", "scoring", "wiring"])
def test_no_module_of_a_room_without_airflow_reaches_it(room: str) -> None:
    """A room reaches what is: imported in a fresh interpreter while the modules of the room are imported."""
    program = f"""
import importlib, pkgutil, sys
import foresight.{room} as room
for found in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    if not found.name.endswith(("migrations.env", "examples.make")) and ".versions." not in found.name:
        importlib.import_module(found.name)
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & {{"airflow"}}))
"""
    environment = {**os.environ, "AIRFLOW_HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
