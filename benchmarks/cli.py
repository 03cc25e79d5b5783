"""How long commands take to start, against an interpreter that does nothing.

    python -m benchmarks.cli --json

All three are timed in turn, round by round, as whole processes with warm files; the median counts. Results
are in SQLite with 1,000 SLAs, and connections come from the environment.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from foresight.services import slas
from foresight.store import migrate, open_store
from foresight.telemetry.catalogue import load_catalogue

ROUNDS = 9
N_SLAS = 1000
COMMAND = Path(sys.executable).with_name("foresight")
SLA = "  - {{name: sla-{n:04}, slis: [{{name: low, metric: m, max: {n}}}]}}\n"


def prepare(home: Path) -> None:
    """A results database with its tables and SLAs."""
    (home / "slas.yaml").write_text("slas:\n" + "".join(SLA.format(n=n + 1) for n in range(N_SLAS)))
    (home / "catalogue.yaml").write_text("metrics: [{name: m, metric: m}]\n")
    store = open_store(f"sqlite:///{home / 'results.db'}")
    migrate(store)
    catalogue = load_catalogue(home / "catalogue.yaml")
    slas.apply(store, catalogue, [home / "slas.yaml"], by="benchmark", at=0)
    store.close()


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall seconds of one process."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measures and prints; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    commands = {
        "python_seconds": [sys.executable, "-c", "pass"],
        "help_seconds": [str(COMMAND), "--help"],
        "sla_list_seconds": [str(COMMAND), "sla", "list"],
    }
    with tempfile.TemporaryDirectory(prefix="foresight-cli-") as folder:
        prepare(Path(folder))
        results = {"conn_type": "sqlite", "host": f"{folder}/results.db"}
        environment = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
        environment |= {"AIRFLOW_CONN_RESULTS": json.dumps(results), "AIRFLOW_HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        rounds = [
            {name: seconds(command, environment) for name, command in commands.items()}
            for _ in range(ROUNDS + 1)
        ][1:]  # the first one warms the files
    found = {name: round(statistics.median(one[name] for one in rounds), 3) for name in commands}
    if not options.json:
        for name, value in found.items():
            sys.stderr.write(f"{name:20} {value}\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
