"""The simulator's law on a real Kafka and a real MySQL: each row and decision equal to an oracle.

    python -m benchmarks.slice_law [--json] [--periods 200]

Two slices (0010-1110 and 0011-0010) of 24 cells; changes that are sent are applied before the next period.
The oracle shares no code with what it checks. The first difference ends the run with a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial

from tests.integration.slice_faults import world
from tests.integration.slice_law import run_law


def main() -> None:
    """Runs the law; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--periods", type=int, default=200)
    given = parser.parse_args()
    with world() as running:
        started = time.monotonic()
        found = run_law(running, given.periods, say=partial(print, file=sys.stderr, flush=True))
        seconds = time.monotonic() - started
    figures = {"periods": given.periods, "differences": 0, **found, "seconds": round(seconds, 1)}
    if not given.json:
        for name, value in figures.items():
            print(f"{name:>24} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
