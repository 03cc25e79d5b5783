"""ONNX models against ONNX Runtime itself, one core, the same records in one run.

    python -m benchmarks.scoring_onnx [--json] [--records N]

``onnx_columns`` scores columns. Its peer ``runtime_columns`` puts the same columns into the array that the
graph wants and runs the session; ``runtime_array`` has that array already. ``onnx_bundle`` scores dicts in
bundles of 1,000 and answers in dicts, checks included; its peer ``runtime_dicts`` does the same in a plain
loop without checks. Seconds are those of the processor. The models are a linear classifier over four numbers
with a ZipMap, and a network of three layers over 30.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.records import RecordScorer

BUNDLE = 1_000
ROUNDS = 5
SPECIES = ["setosa", "versicolor", "virginica"]


def classifier() -> tuple[bytes, int]:
    """A linear classifier with probabilities by class, as converters write it; how many numbers it takes."""
    rng = np.random.default_rng(1)
    linear = helper.make_node(
        "LinearClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml",
        coefficients=rng.normal(size=12).tolist(), intercepts=[0.1, 0.2, 0.3],
        classlabels_strings=SPECIES, multi_class=0, post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = helper.make_node(
        "ZipMap", ["scores"], ["chance"], domain="ai.onnx.ml", classlabels_strings=SPECIES
    )
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    mappings = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, number))
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_value_info("chance", mappings),
    ]
    return _model([linear, zipped], 4, outputs), 4


def network() -> tuple[bytes, int]:
    """Three layers over 30 numbers."""
    rng = np.random.default_rng(1)
    sizes, nodes, weights, before = [30, 64, 64, 1], [], [], "X"
    for place, (n_in, n_out) in enumerate(pairwise(sizes)):
        made = rng.normal(0, 0.2, (n_in, n_out)).astype(np.float32)
        weights.append(numpy_helper.from_array(made, f"W{place}"))
        after = f"H{place}"
        nodes.append(helper.make_node("MatMul", [before, f"W{place}"], [after]))
        before = after
        if place < len(sizes) - 2:
            nodes.append(helper.make_node("Relu", [after], [f"R{place}"]))
            before = f"R{place}"
    nodes.append(helper.make_node("Identity", [before], ["Y"]))
    outputs = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None, 1])]
    return _model(nodes, 30, outputs, weights), 30


def _model(nodes: list[Any], width: int, outputs: list[Any], weights: list[Any] | None = None) -> bytes:
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, width])
    graph = helper.make_graph(nodes, "graph", [given], outputs, weights or [])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


MODELS: dict[str, Callable[[], tuple[bytes, int]]] = {"linear": classifier, "network": network}


def measure(n: int) -> dict[str, dict[str, float]]:
    """Records a second of each model, by way: ours and that of ONNX Runtime, and the ratios."""
    return {name: _measure_one(*make(), n) for name, make in MODELS.items()}


def _measure_one(data: bytes, width: int, n: int) -> dict[str, float]:
    rng = np.random.default_rng(2)
    names = [f"X[{place}]" for place in range(width)]
    columns = {name: rng.normal(0, 1, n) for name in names}
    records = [
        dict(zip(names, row, strict=True))
        for row in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]
    bundles = [records[start : start + BUNDLE] for start in range(0, n, BUNDLE)]
    matrix = _matrix(columns)
    model = load_model(data, "onnx")
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    session = _session(data)
    ways: dict[str, Callable[[], Any]] = {
        "onnx_columns": lambda: model.predict(columns),
        "runtime_columns": lambda: session.run(None, {"X": _matrix(columns)}),
        "runtime_array": lambda: session.run(None, {"X": matrix}),
        "onnx_bundle": lambda: [scorer.score(bundle) for bundle in bundles],
        "runtime_dicts": lambda: [_plain_loop(session, names, bundle) for bundle in bundles],
    }
    _check(model, session, columns, scorer, names, bundles[0])
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):  # in turns: the machine is not the same all the time
        for way, work in ways.items():
            started = time.process_time()
            work()
            best[way] = min(best[way], time.process_time() - started)
    found = {way: round(n / seconds) for way, seconds in best.items()}
    return {
        **found,
        "array_ratio": round(found["onnx_columns"] / found["runtime_array"], 3),
        "columns_ratio": round(found["onnx_columns"] / found["runtime_columns"], 3),
        "bundle_ratio": round(found["onnx_bundle"] / found["runtime_dicts"], 3),
    }


def _session(data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _matrix(columns: dict[str, Any]) -> Any:
    return np.column_stack(list(columns.values())).astype(np.float32)


def _plain_loop(session: Any, names: list[str], records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    matrix = np.array([[record[name] for name in names] for record in records], np.float32)
    outputs = [out.tolist() if hasattr(out, "tolist") else out for out in session.run(None, {"X": matrix})]
    if len(outputs) == 1:
        return [{**record, "Prediction": {"Y": y}} for record, (y,) in zip(records, outputs[0], strict=True)]
    labels, chances = outputs
    return [
        {**record, "Prediction": {"label": label, **shares}}
        for record, label, shares in zip(records, labels, chances, strict=True)
    ]


def _check(
    model: Any, session: Any, columns: Any, scorer: RecordScorer, names: list[str], bundle: list[Any]
) -> None:
    """Both ways say the same."""
    expected = _plain_loop(session, names, bundle)
    found, bad = scorer.score(bundle)
    assert not bad
    for one, other in zip(found, expected, strict=True):
        mine, theirs = list(one["Prediction"].values()), list(other["Prediction"].values())
        assert all(
            a == b if isinstance(a, str) else abs(a - b) < 1e-5 for a, b in zip(mine, theirs, strict=True)
        )
    first = next(iter(model.predict({name: column[:5] for name, column in columns.items()}).columns.values()))
    assert first.tolist() == [next(iter(record["Prediction"].values())) for record in found[:5]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object on the last line")
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    found = measure(options.records)
    for name, figures in found.items():
        for key, value in figures.items():
            sys.stderr.write(f"{name + ' ' + key:30} {value:,}\n")
    if options.json:
        print(
            json.dumps(
                {f"{name}_{key}": value for name, figures in found.items() for key, value in figures.items()}
            )
        )


if __name__ == "__main__":
    main()
