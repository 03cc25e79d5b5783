"""Scoring speed of PMML models of many kinds on one core, against engines and libraries for the same work.

    python -m benchmarks.scoring_kinds --json

`one_by_one`, `bundle` and `columns` are records a second of each model: from dicts one at a time, from
bundles of 1,000 dicts, and from columns, with all checks. `peer_one_by_one` and `peer_bundle` are those of
the faster of pypmml and JPMML-Evaluator, both driven from Python over JPype in a private environment; they
are null where that or Java is not to be had, and `peer` says why. `native` is scikit-learn: an estimator of
the same kind and size (`native_kind`), trained on the same records, predicts all of them from a data frame,
texts encoded and numbers scaled on the way. `per_part` is nanoseconds a tree or a support vector. `onnx` is
the figures of `scoring_onnx`: ONNX models against ONNX Runtime. All ways must give one answer.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import scoring_onnx
from foresight.scoring.garbage import rare_collections
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import from_text, read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import PREDICTION
from foresight.scoring.records import RecordScorer

DATA = Path(__file__).parents[1] / "tests" / "data" / "pmml"
BUNDLE = 1000
RECORDS = 5000
PEER_RECORDS = 1000
ONNX_RECORDS = 100_000
REPEATS = 5
MODELS: dict[str, str] = {
    "random_forest_15": "RandomForestAudit",
    "boosted_100": "HousingGBTRegressor",
    "network": "NeuralNetworkAudit",
    "support_vectors_801": "SupportVectorMachineAudit",
    "general_regression": "GeneralRegressionOzone",
    "regression": "RegressionOzone",
    "logistic": "HousingLRClassifier",
    "tree": "DecisionTreeAudit",
    "clusters": "KMeansIris",
}
PARTS = {"random_forest_15": 15, "boosted_100": 100, "support_vectors_801": 801}
PEER_PACKAGES = ["pypmml==1.5.8", "jpmml-evaluator==0.16.0", "jpype1==1.7.1", "numpy", "pandas"]
PEER = """
import json, sys, time
engine, document, file, repeats = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
records = json.load(open(file))
if engine == "pypmml":
    from pypmml import Model, PMMLContext
    PMMLContext.getOrCreate(gateway="jpype")
    score = Model.load(document).predict
    bundle = lambda: score(json.dumps(records))
else:
    import pandas as pd
    from jpmml_evaluator import make_evaluator
    evaluator = make_evaluator(document, backend="jpype").verify()
    score = evaluator.evaluate
    frame = pd.DataFrame(records)
    bundle = lambda: evaluator.evaluateAll(frame).to_dict("records")
def best(call):
    times = []
    for _ in range(repeats):
        start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
    return min(times)
def one_by_one():
    for record in records:
        score(record)
print(json.dumps({"one_by_one": len(records) / best(one_by_one), "bundle": len(records) / best(bundle)}))
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


def read_records(triple: dict[str, Any], model: ScoringModel) -> list[dict[str, Any]]:
    """The complete published records of a model, as a program would hold them."""
    with (DATA / triple["input"]).open(newline="") as file:
        header, *rows = csv.reader(file)
    records = []
    for cells in rows:
        # A column may come twice: the first one is the input.
        row = dict(zip(header[::-1], cells[::-1], strict=True))
        values = {f.name: from_text(row[f.name], f.data_type) for f in model.signature.inputs}
        if not {None, "NA", "N/A"} & set(values.values()):
            records.append(values)
    return records


def measure(name: str, triple: dict[str, Any]) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Records a second of each way, and the records."""
    model = load_model(DATA / triple["pmml"])
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    published = read_records(triple, model)
    columns = {key: np.array([record[key] for record in published]) for key in published[0]}
    check(name, scorer, published, columns)
    records = list(islice(cycle(published), RECORDS))
    bundles = [records[start : start + BUNDLE] for start in range(0, RECORDS, BUNDLE)]
    columns = {key: np.array([record[key] for record in records]) for key in records[0]}

    def one_by_one() -> None:
        score = scorer.score_one
        for record in records:
            score(record)

    with rare_collections():
        return {
            "one_by_one": RECORDS / best(one_by_one),
            "bundle": RECORDS / best(lambda: [scorer.score(bundle) for bundle in bundles]),
            "columns": RECORDS / best(lambda: model.predict(columns)),
        }, records


def check(
    name: str, scorer: RecordScorer, records: Sequence[dict[str, Any]], columns: dict[str, Any]
) -> None:
    """Hold the ways against each other; the columns against the published answers is a unit test."""
    names = [out.name for out in scorer.model.signature.outputs]
    whole = scorer.model.predict(columns).records(names)
    for record, wanted in zip(records, whole, strict=True):
        got = scorer.score_one(record)[PREDICTION]
        for key in names:
            same = got[key] == wanted[key] or np.isclose(got[key], wanted[key], rtol=1e-9, atol=1e-12)
            assert same, f"{name}: {record} gives {got} alone and {wanted} as columns"


def native(name: str, records: Sequence[dict[str, Any]]) -> tuple[str, float] | None:
    """scikit-learn's estimator of the same kind and size, and its records a second from a frame."""
    import pandas as pd
    from sklearn.cluster import KMeans
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    makers: dict[str, Callable[[], Any]] = {
        "random_forest_15": lambda: RandomForestClassifier(15, random_state=1),
        "boosted_100": lambda: GradientBoostingRegressor(n_estimators=100, random_state=1),
        "network": lambda: MLPClassifier((10,), max_iter=20, random_state=1),
        "support_vectors_801": lambda: SVC(),
        "general_regression": LinearRegression,
        "regression": LinearRegression,
        "logistic": lambda: LogisticRegression(max_iter=50),
        "tree": lambda: DecisionTreeClassifier(max_depth=6),
        "clusters": lambda: KMeans(3, n_init=1, random_state=1),
    }
    frame = pd.DataFrame(list(records))
    texts = [key for key in frame if isinstance(records[0][key], str)]
    numbers = [key for key in frame if key not in texts]
    steps = [("texts", OneHotEncoder(), texts)] * bool(texts) + [("numbers", StandardScaler(), numbers)]
    prepare = ColumnTransformer(steps)
    x = prepare.fit_transform(frame)
    number = np.asarray(x.sum(axis=1)).ravel() + np.random.default_rng(1).normal(size=len(frame))
    numeric = name in {"boosted_100", "general_regression", "regression"}
    model = make_pipeline(prepare, makers[name]())
    model.fit(frame, number if numeric else (number > np.median(number)).astype(int))
    return type(model[-1]).__name__, len(frame) / best(lambda: model.predict(frame))


def peer_python() -> str:
    """The interpreter of the private environment, made on first use."""
    home = Path(tempfile.gettempdir()) / f"foresight-bench-engines-{os.getuid()}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", *PEER_PACKAGES]
        subprocess.run(command, check=True, capture_output=True)
        (home / "complete").touch()
    return str(python)


def against(engine: str, python: str, document: Path, records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Records a second of an engine, empty where it does not know the model."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.json"
        file.write_text(json.dumps(list(records)))
        command = [python, "-c", PEER, engine, str(document), str(file), "3"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    found = [line for line in done.stdout.splitlines() if line.startswith('{"one_by_one"')]
    return dict(json.loads(found[0])) if found else {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    options = parser.parse_args()
    triples = {triple["name"]: triple for triple in json.loads((DATA / "manifest.json").read_text())}
    keys = ("one_by_one", "peer_one_by_one", "bundle", "peer_bundle", "columns", "native", "native_kind",
            "per_part")  # fmt: skip
    figures: dict[str, Any] = {key: {} for key in keys}
    try:
        python = peer_python()
        figures["peer"] = " ".join(PEER_PACKAGES[:2])
    except (subprocess.SubprocessError, OSError) as error:
        python, figures["peer"] = "", f"not available: {type(error).__name__}"
    for name, title in MODELS.items():
        mine, records = measure(name, triples[title])
        for key, value in mine.items():
            figures[key][name] = value
        if name in PARTS:
            figures["per_part"][name] = 1e9 / mine["one_by_one"] / PARTS[name]
        figures["native_kind"][name], figures["native"][name] = native(name, records) or (None, None)
        document = DATA / triples[title]["pmml"]
        engines = ("pypmml", "jpmml") if python else ()
        theirs = [against(engine, python, document, records[:PEER_RECORDS]) for engine in engines]
        for key in ("one_by_one", "bundle"):
            figures[f"peer_{key}"][name] = max((t[key] for t in theirs if t), default=None)
        told = {key: figures[key].get(name) for key in keys}
        sys.stderr.write(f"{name:20} {told}\n")
    figures["onnx"] = scoring_onnx.measure(ONNX_RECORDS)
    sys.stderr.write(f"{'onnx':20} {figures['onnx']}\n")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
