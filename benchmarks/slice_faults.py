"""A table of faults: the worker, the broker and the database killed at every point of a run of slices.

    python -m benchmarks.slice_faults [--json]

Each fault is followed by Airflow's retries; then every event has to be stored once, every cell decided once,
and one policy message a slice and one dead letter have to be on Kafka that say what is stored. Real Kafka,
real MySQL, SIGKILL.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from tests.integration.slice_faults import POINTS, try_fault, world

FAULTS = ("worker", "broker", "database")


def main() -> None:
    """Tries every fault at every point; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    given = parser.parse_args()
    seen: dict[tuple[str, str], str] = {}
    with world() as running:
        for fault in FAULTS:
            for point in POINTS:
                started = time.monotonic()
                try:
                    seen[point, fault] = try_fault(running, point, fault)
                except AssertionError as error:
                    seen[point, fault] = f"WRONG: {error}"
                took = time.monotonic() - started
                print(f"{point} | {fault} | {seen[point, fault]} | {took:.1f} s", file=sys.stderr, flush=True)
    if not given.json:
        print("| point | worker killed | broker killed and back | database killed and back |")
        print("| --- | --- | --- | --- |")
        for point in POINTS:
            print(f"| {point} | " + " | ".join(seen[point, fault] for fault in FAULTS) + " |")
    outcomes = Counter("wrong" if text.startswith("WRONG") else text for text in seen.values())
    print(json.dumps({"faults": len(seen), "wrong": outcomes.pop("wrong", 0), **outcomes}))


if __name__ == "__main__":
    main()
