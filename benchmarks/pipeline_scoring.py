"""The whole pipeline on one machine: mapping, checks, order, 5 workers with bundles of 100, two outputs.

    python -m benchmarks.pipeline_scoring --json [--records 10000000]

`bad5` is a run in which five records of a hundred lack the petal width or hold a text there. 10,000 records,
made before and each carrying its place, pass again and again; both outputs are compared, record by record,
with the places that must come out, inside the measured time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from foresight.scoring.bundles import BundleRun, Load, Settings
from foresight.scoring.files import read_csv
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer
from foresight.scoring.sources import Iterated

ROOT = Path(__file__).parents[1]
IRIS = ROOT / "include" / "foresight" / "scoring" / "examples" / "iris-chaid.pmml"
ROWS = ROOT / "tests" / "data" / "iris" / "iris_initial.csv"
SETTINGS = Settings(bundle_size=100, workers=5)
MAPPING = [
    {"model_field": name, "tuple_field": name.replace("_", "."), "is_mandatory": True}
    for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")
]


class Output:
    """Counts records and compares their order with the one that must come out, over and over."""

    def __init__(self, key: str, places: list[int]) -> None:
        self.count = self.reordered = self.wrong = 0
        self._key, self._places = key, [*places, *places[: SETTINGS.bundle_size]]

    def __call__(self, records: list[dict[str, Any]]) -> None:
        """Take records."""
        start = self.count % max(len(self._places) - SETTINGS.bundle_size, 1)
        places = [record["place"] for record in records]
        if places != self._places[start : start + len(records)]:
            self.reordered += len(records)
        self.wrong += self._key not in records[0] or self._key not in records[-1]
        self.count += len(records)


def made(
    flowers: list[dict[str, Any]], bad_share: float
) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """Records with places, a share of them with a bad petal width; the places of the good and the bad."""
    rng = random.Random(11)  # noqa: S311 (no secret)
    records = [{"place": place, **rng.choice(flowers)} for place in range(10_000)]
    bad = [place for place in range(len(records)) if rng.random() < bad_share]
    for place in bad:
        records[place]["petal.width"] = None if place % 2 else "wide"
    return records, sorted(set(range(len(records))) - set(bad)), bad


def run(count: int, bad_share: float) -> tuple[Load, Output, Output]:
    """One run over ``count`` records."""
    model = load_model(IRIS)
    scorer = RecordScorer(model, read_mapping(MAPPING, model.signature))
    flowers = [
        {name.replace("_", "."): float(row[name]) for name in row if name != "species"}
        for row in read_csv(ROWS)
    ]
    records, good_places, bad_places = made(flowers, bad_share)
    good, bad = Output(PREDICTION, good_places), Output(ERROR, bad_places)
    source = Iterated(islice(cycle(records), count))
    load = BundleRun(source, scorer.score, good, bad, SETTINGS).run()
    return load, good, bad


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object on the last line")
    parser.add_argument("--records", type=int, default=10_000_000)
    options = parser.parse_args()
    figures: dict[str, Any] = {"records": options.records, "lost": 0, "reordered": 0, "wrong": 0}
    for name, share in (("clean", 0.0), ("bad5", 0.05)):
        load, good, bad = run(options.records, share)
        figures[f"{name}_per_second"] = load.read / load.elapsed_seconds
        figures[f"{name}_bad_records"] = bad.count
        figures["lost"] += options.records - good.count - bad.count
        figures["reordered"] += good.reordered + bad.reordered
        figures["wrong"] += good.wrong + bad.wrong
    for key, value in figures.items():
        sys.stderr.write(f"{key:24} {value:,.0f}\n")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
