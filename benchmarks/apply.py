"""Applying definitions: 10,000 SLIs in 100 SLAs, and 10,000 SLAs of one SLI, from a file to SQLite.

The peer is the same file read by PyYAML alone with its C loader: nobody reads YAML faster with it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import yaml

from foresight.services import slas
from foresight.store import migrate, open_store
from foresight.telemetry.catalogue import Catalogue, WatchedMetric

CATALOGUE = Catalogue(metrics=(WatchedMetric(name="m", metric="m"),))


def text_of(n_slas: int, n_slis: int) -> str:
    """A file of the short form."""
    lines = ["slas:"]
    for number in range(n_slas):
        lines += [f"  - name: sla-{number}", "    owner: sre", "    slis:"]
        lines += [
            f"      - {{name: sli-{at}, metric: m, matchers: {{host: h{number}-{at}}}, max: {at + 2}}}"
            for at in range(n_slis)
        ]
    return "\n".join(lines) + "\n"


def seconds_of(n_slas: int, n_slis: int) -> tuple[float, float]:
    """Seconds to apply, and those that PyYAML takes to read the same file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "slas.yaml"
        file.write_text(text_of(n_slas, n_slis))
        store = open_store(f"sqlite:///{folder}/results.db")
        migrate(store)
        started = time.perf_counter()
        applied = slas.apply(store, CATALOGUE, [file], by="benchmark", at=1)
        ours = time.perf_counter() - started
        assert sum(len(each.added) for each in applied.differences) == n_slas * n_slis
        started = time.perf_counter()
        yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        store.close()
        return ours, time.perf_counter() - started


def main() -> None:
    """Prints the figures; ``--json`` as one line of JSON."""
    few, few_peer = seconds_of(100, 100)
    many, many_peer = seconds_of(10_000, 1)
    if "--json" in sys.argv:
        print(json.dumps({"apply_seconds": round(few, 2), "apply_many_seconds": round(many, 2)}))
        return
    print(f"10,000 SLIs in 100 SLAs: {few:.2f} s (PyYAML alone {few_peer:.2f} s)")
    print(f"10,000 SLAs of one SLI: {many:.2f} s (PyYAML alone {many_peer:.2f} s)")


if __name__ == "__main__":
    main()
