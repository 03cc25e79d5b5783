"""Scoring speed on one core: a small tree from dicts and columns; forests against pypmml over JPype.

    python -m benchmarks.scoring --json

pypmml runs in a private environment that this script makes; where Java or the package index is not to be
had, the ratios are null and `peer` says why. Both sides get the same list of dicts; of the ways into pypmml
(a dict at a time, a data frame, JSON text of all records in either of its two forms) the fastest one counts.
Both sides' answers are held against those that the library that trained the model gave.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from foresight.files import Files
from foresight.scoring.files import read_csv
from foresight.scoring.garbage import rare_collections
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import from_text, read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import PREDICTION
from foresight.scoring.records import RecordScorer
from foresight.services.scoring import models
from foresight.services.scoring.scorers import Scoring
from foresight.store import migrate, open_store
from foresight.store.models import Change
from foresight.wiring.files import storage_path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
IRIS = ROOT / "include" / "foresight" / "scoring" / "examples" / "iris-chaid.pmml"
BUNDLE = 1000
REPEATS = 7
PEER_PACKAGES = ["pypmml==1.5.8", "jpype1==1.7.1", "numpy", "pandas"]
PEERS = {
    "forest": DATA / "pmml" / "MiningModel" / "cpmml" / "IrisRandomForest.pmml",
    "boosted": DATA / "pmml" / "MiningModel" / "cpmml" / "HousingGBTRegressor.pmml",
}
PEER = """
import json, sys, time
import jpype, pandas as pd
from pypmml import Model, PMMLContext
PMMLContext.getOrCreate(gateway="jpype")
model = Model.load(sys.argv[1])
records = json.load(open(sys.argv[2]))
names = list(records[0])
def best(call):
    times = []
    for _ in range(int(sys.argv[3])):
        start = time.perf_counter(); answer = call(); times.append(time.perf_counter() - start)
    return min(times), answer
ways = {
    "dict": lambda: [model.predict(record) for record in records],
    "frame": lambda: model.predict(pd.DataFrame(records)),
    "json": lambda: model.predict(json.dumps(records)),
    "json split": lambda: model.predict(
        json.dumps({"columns": names, "data": [[r[name] for name in names] for r in records]})
    ),
}
one, by_dict = best(ways.pop("dict"))
seconds = {"dict": one}
for way, call in ways.items():
    try:
        seconds[way] = best(call)[0]
    except Exception:
        pass
def first(answer):
    found = {str(e.getKey()): e.getValue() for e in answer.entrySet()}
    value = next(found[name] for name in ("predicted_" + sys.argv[4], sys.argv[4]) if name in found)
    return value if isinstance(value, str) else float(value)
answers = [first(answer) for answer in by_dict]
way = min(seconds, key=seconds.get)
print(json.dumps({"seconds": seconds[way], "way": way, "answers": answers}))
sys.stdout.flush()
"""


def best(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def tree_figures(records: int) -> dict[str, float]:
    """The Iris tree from dicts, one by one and in bundles, and from columns."""
    model = load_model(IRIS)
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    names = [field.name for field in model.signature.inputs]
    flowers = [
        {name: float(row[name]) for name in names} for row in read_csv(DATA / "iris" / "iris_initial.csv")
    ]
    rng = random.Random(7)  # noqa: S311 (no secret)
    given = [dict(rng.choice(flowers)) for _ in range(records)]
    bundles = [given[start : start + BUNDLE] for start in range(0, records, BUNDLE)]
    columns = {name: np.array([row[name] for row in given] * 10) for name in names}

    def one_by_one() -> None:
        score = scorer.score_one
        for record in given:
            score(record)

    def by_bundle() -> None:
        for bundle in bundles:
            scorer.score(bundle)

    with rare_collections():
        return {
            "tree_one_by_one_per_second": records / best(one_by_one),
            "tree_bundle_per_second": records / best(by_bundle),
            "tree_columns_per_second": 10 * records / best(lambda: model.predict(columns)),
        }


def call_figures(calls: int = 300) -> dict[str, float]:
    """A call of the scoring service on SQLite, model loaded: milliseconds beyond the model's own."""
    with tempfile.TemporaryDirectory(prefix="foresight-call-") as folder:
        store = open_store(f"sqlite:///{folder}/results.db")
        migrate(store)
        service = Scoring(store, Files(storage_path(folder), storage_path), lambda _: store)
        change = Change("benchmark", 0)
        models.add(store, service.files, "iris", str(IRIS), change)
        models.deploy(service, "iris", change)
        flower = [{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]
        scorer = service.scorer(service.deployed("iris").model, service.deployed("iris").sha256, None)

        def through_the_service() -> None:
            for _ in range(calls):
                service.score("iris", flower)

        def the_model_alone() -> None:
            for _ in range(calls):
                scorer.score(flower)

        through_the_service()
        seconds = (best(through_the_service) - best(the_model_alone)) / calls
        store.close()
    return {"call_ms": 1000 * seconds}


def peer_python() -> str:
    """The interpreter of the private environment, made on first use."""
    home = Path(tempfile.gettempdir()) / f"foresight-bench-pypmml-{os.getuid()}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True, capture_output=True
        )
        (home / "complete").touch()
    return str(python)


def records_for(model: ScoringModel, path: Path, times: int) -> list[dict[str, Any]]:
    """The rows of a CSV as typed records, repeated."""
    fields = {field.name: field.data_type for field in model.signature.inputs}
    rows = [
        {name: from_text(row[name] or "", kind) for name, kind in fields.items()} for row in read_csv(path)
    ]
    return [dict(row) for _ in range(times) for row in rows]


def n_different(answers: list[Any], others: list[Any]) -> int:
    """How many answers are not the same, numbers by more than a billionth."""
    return sum(
        one != other and not (isinstance(one, float) and abs(one - float(other)) <= 1e-9 * abs(one))
        for one, other in zip(answers, others, strict=True)
    )


def n_wrong(answers: list[Any], pmml: Path) -> int:
    """How many answers are not those that were recorded when the model was trained."""
    recorded = [row["prediction"] for row in read_csv(pmml.with_suffix(".in_and_expected.csv"))]
    return n_different(answers, list(islice(cycle(recorded), len(answers))))


def against_peer(name: str, python: str, count: int) -> dict[str, Any]:
    """Records a second of both sides on the same dicts, answers compared."""
    pmml = PEERS[name]
    model = load_model(pmml)
    records = records_for(model, pmml.with_suffix(".in_and_expected.csv"), 100)[:count]
    target = model.signature.outputs[0].name
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    bundles = [records[start : start + BUNDLE] for start in range(0, len(records), BUNDLE)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.json"
        path.write_text(json.dumps(records))
        command = [python, "-c", PEER, str(pmml), str(path), str(REPEATS), target]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    theirs = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"seconds"')))
    ours = [out[PREDICTION][target] for bundle in bundles for out in scorer.score(bundle)[0]]
    wrong = n_wrong(ours, pmml)
    assert wrong == 0, f"{wrong} answers are wrong"
    with rare_collections():
        seconds = best(lambda: [scorer.score(bundle) for bundle in bundles])
    return {
        f"{name}_wrong": wrong,
        f"peer_{name}_wrong": n_wrong(theirs["answers"], pmml),
        f"{name}_answers_that_differ": n_different(ours, theirs["answers"]),
        f"{name}_ratio": theirs["seconds"] / seconds,
        f"{name}_per_second": len(records) / seconds,
        f"peer_{name}_per_second": len(records) / theirs["seconds"],
        f"peer_{name}_way": theirs["way"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object on the last line")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--peer-records", type=int, default=5_000)
    options = parser.parse_args()
    figures: dict[str, Any] = tree_figures(options.records) | call_figures()
    try:
        python = peer_python()
        for name in PEERS:
            figures |= against_peer(name, python, options.peer_records)
        figures["peer"] = " ".join(PEER_PACKAGES[:2])
    except (subprocess.SubprocessError, OSError) as error:
        detail = getattr(error, "stderr", b"") or b""
        text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        figures |= {f"{name}_ratio": None for name in PEERS}
        figures["peer"] = f"not available: {type(error).__name__} {text.strip()[-200:]}"
    for key, value in figures.items():
        sys.stderr.write(f"{key:32} {value:,.1f}\n" if isinstance(value, float) else f"{key:32} {value}\n")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
