"""Mutated records through every runtime: ``python -m tests.unit.scoring.fuzz [--records N] [--seed S]``.

Each record must get the same answer alone, in a bundle, backwards in a bundle and as columns, or the same
verdict, and none may make anything but its own record bad. Records begin as those that cover the signature
of a model; fields are swapped between them, nudged, left out and replaced by what programs hand over by
mistake. Prints one line a model and a last one; ends with 1 where two ways disagree or anything is raised.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.scoring.kinds import load_model
from foresight.scoring.model import InputField, ScoringModel
from foresight.scoring.rehearsal import covering
from tests.unit.scoring import test_agreement
from tests.unit.scoring.agreement import check, optional
from tests.unit.scoring.strangers import onnx_regression

DATA: Final = Path(__file__).parents[2] / "data"
ODD: Final = (
    None, math.nan, math.inf, -math.inf, -1e308, 1e308, 1e-320, 0, -0.0, -1, 2**53 + 1, 2**63, 10**400, True,
    False, np.float32(4.4), np.int8(3), np.float64(0.1), np.str_("a"), Decimal("4.4"), Decimal("NaN"), "",
    "NULL", "zzz", "ä\u2028", -99, [1], {"a": 1}, b"x", 1j,
)  # fmt: skip
"""No text that spells a number: columns of texts are read as CSV files are, records are not."""
BUNDLE: Final = 250
TOLERANCE: Final = {"pmml": 1e-8, "sklearn": 1e-8, "onnx": 1e-4, "keras": 1e-4}
"""By kind: what computes in single precision may add in another order for one record than for many."""


def models() -> dict[str, Callable[[], ScoringModel]]:
    """More than thirty models of every runtime, by name."""
    folders = (DATA / "pmml", DATA / "converted")
    paths = sorted(path for folder in folders for path in folder.rglob("*.pmml"))
    found: dict[str, Callable[[], ScoringModel]] = {
        path.stem: lambda path=path: load_model(path) for path in paths
    }
    found["onnx-regression"] = lambda: load_model(onnx_regression(), "onnx")
    for name, (kind, data) in test_agreement.BYTES.items():
        found[f"{kind}-{name}"] = lambda kind=kind, data=data: load_model(data(), kind)
    return found


def mutated(model: ScoringModel, rng: random.Random, n: int) -> list[dict[str, Any]]:
    """Records that are mostly right."""
    base, inputs = covering(model.signature.inputs), {field.name: field for field in model.signature.inputs}
    # A wrong field in every record would leave nothing to compare.
    share = min(0.04, 1.0 / max(len(inputs), 1))
    return [_mutated(rng, rng.choice(base), rng.choice(base), inputs, share) for _ in range(n)]


def _mutated(
    rng: random.Random,
    record: Mapping[str, Any],
    other: Mapping[str, Any],
    inputs: Mapping[str, InputField],
    share: float,
) -> dict[str, Any]:
    made = dict(record)
    for name in record:
        value = made[name] = other[name] if rng.random() < 0.3 else record[name]
        chance = rng.random()
        if chance < share:
            made[name] = rng.choice(ODD)
        elif chance < 1.5 * share:
            del made[name]
        elif isinstance(value, float) and inputs[name].data_type in {"double", "float"} and chance > 0.7:
            made[name] = value * rng.uniform(0.5, 1.5)
    return made


def fuzz(name: str, n: int, seed: int) -> tuple[str, int, list[str]]:
    """A model's name, how many records it was asked about, and what was wrong."""
    warnings.simplefilter("ignore")
    model = models()[name]()
    scorer, rng = optional(model), random.Random(f"{name}/{seed}")  # noqa: S311 (no secret)
    wrong, done = [], 0
    while done < n and len(wrong) < 20:
        records = mutated(model, rng, min(BUNDLE, n - done))
        done += len(records)
        try:
            check(scorer, records, TOLERANCE[model.kind])
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
            wrong.append(f"{type(error).__name__}: {error!s:.500}")
    return name, done, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzzes every model; answers the status of the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    names = sorted(models())
    each = -(-options.records // len(names))
    total = failed = 0
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for name, done, wrong in pool.map(fuzz, names, [each] * len(names), [options.seed] * len(names)):
            total, failed = total + done, failed + len(wrong)
            print(
                f"{name:40} {done:8} records, {len(wrong)} bundles wrong",
                *wrong[:3],
                sep="\n    ",
                flush=True,
            )
    print(f"{len(names)} models, {total} records, {failed} bundles wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
