"""What people and training runs do with slice models: register, import, promote, roll back, list."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from foresight.errors import FinalError
from foresight.slices.dataset import Dataset, Split, split_by_time, split_stacked
from foresight.slices.drift import profile
from foresight.slices.features import INPUTS
from foresight.slices.keras_file import read_keras
from foresight.slices.model_file import load_model, model_bytes
from foresight.slices.network import Card, Model, Scaler
from foresight.slices.recording import Recording
from foresight.slices.report import report
from foresight.slices.targets import FAILURE_BOUND, Target
from foresight.slices.training import Trained, judged
from foresight.store import Store
from foresight.store import slice_models as registry
from foresight.store.slice_models import MODELS_LOCK

VERSION_DIGITS = 12
SPLITS = {"time": split_by_time, "stacked": split_stacked}


def version_of(model: Model) -> str:
    """The name of a model: the first digits of the hash of its file, so equal models have equal names."""
    return hashlib.sha256(model_bytes(model)).hexdigest()[:VERSION_DIGITS]


def register(store: Store, trained: Trained, *, at: int, by: str, report_uri: str | None = None) -> str:
    """Stores a judged model as a candidate and answers its version; one that is there already stays."""
    document = model_bytes(trained.model)
    found = report(trained)
    fields = {
        "version": version_of(trained.model),
        "sha256": hashlib.sha256(document).hexdigest(),
        "target": str(trained.model.card.target),
        "source": trained.model.card.source[:255],
        "is_better": trained.verdict.is_promoted,
        "reason": trained.verdict.reason,
        "registered_at": at,
        "metrics": found["card"]["metrics"],
        "card": found["card"],
        "report_uri": report_uri,
        "document": b64encode(document).decode(),
    }
    store.transact(lambda connection: registry.register(connection, fields, by), lock=MODELS_LOCK)
    return str(fields["version"])


def dataset(recording: Recording, target: Target, split: str, failure_bound: float) -> tuple[Dataset, Split]:
    """Rows to train on and to judge by. Raises ``FinalError`` where there are too few."""
    data = Dataset.of(recording, target, failure_bound)
    try:
        return data, SPLITS[split](data)
    except ValueError as error:
        raise FinalError(f"cannot train or judge: {error}") from error


def import_file(
    store: Store,
    path: Path,
    recording: Recording,
    *,
    target: Target,
    split: str,
    at: int,
    by: str,
    failure_bound: float = FAILURE_BOUND,
) -> tuple[str, Trained]:
    """Registers the model of a file, judged on ``recording``; a Keras file gets its scaler from there too.

    Raises ``InvalidDocument`` for a file that holds no model of ours and no network that fits.
    """
    data, parts = dataset(recording, target, split, failure_bound)
    rows, answers = data.inputs[parts.train][:, : len(INPUTS)], data.answers[parts.train]
    if path.suffix in {".h5", ".hdf5", ".keras"}:
        card = Card(
            target=target,
            training_range=(int(data.starts[0]), int(data.starts[-1])),
            data_sha256=data.sha256(parts.train),
            failure_bound=failure_bound,
            source=path.name,
            profile=profile(rows),
            inputs=INPUTS,
        )
        model = Model(read_keras(path), Scaler.fitted(rows, answers), card)
    else:
        model = load_model(path)
    try:
        trained = judged(model, data, parts)
    except ValueError as error:
        raise FinalError(f"{path}: {error}") from error
    return register(store, trained, at=at, by=by), trained


def promote(store: Store, version: str, *, at: int, by: str, reason: str) -> str | None:
    """Puts a model to use; answers the version that it replaces. Raises ``NotFound``."""

    def work(connection: Connection) -> str | None:
        return registry.promote(connection, version, at=at, by=by, reason=reason)

    return store.transact(work, lock=MODELS_LOCK)


def roll_back(
    store: Store, target: Target, *, at: int, by: str, reason: str, expected: str | None = None
) -> tuple[str, str]:
    """Goes back to the model before; answers the versions taken out and put back.

    Raises ``FinalError``, also where another model than the ``expected`` one is in use.
    """

    def work(connection: Connection) -> tuple[str, str]:
        return registry.roll_back(connection, target, at=at, by=by, reason=reason, expected=expected)

    return store.transact(work, lock=MODELS_LOCK)


def list_models(store: Store) -> list[dict[str, Any]]:
    """Every model without its file, the newest first."""
    rows = store.read(registry.list_models)
    return [dict(row._mapping) for row in rows]


def list_changes(store: Store, target: Target) -> list[dict[str, Any]]:
    """Every change of the models of a target, the newest first."""
    rows: Sequence[Any] = store.read(lambda connection: registry.list_changes(connection, target))
    return [dict(row._mapping) for row in rows]
