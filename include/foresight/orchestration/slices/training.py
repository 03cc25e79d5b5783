"""The steps of ``slice_training``: train and judge, register with a report, promote."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from foresight.errors import FinalError
from foresight.files import write_bytes
from foresight.orchestration.runs import due_at
from foresight.services.slices import models as slice_models
from foresight.services.slices.history import stored_history
from foresight.services.slices.options import load_champion
from foresight.services.slices.replay import replay_file
from foresight.slices.recording import Recording
from foresight.slices.replay import TABLES, read_recording
from foresight.slices.report import page, plots, report
from foresight.slices.targets import Target
from foresight.slices.training import Options, Trained, train
from foresight.store import Store
from foresight.wiring.connections import results
from foresight.wiring.files import staging_root
from foresight.wiring.settings import config_folder

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def train_model(context: Context) -> dict[str, Any]:
    """Trains on what is stored, or on a recording; judges, reports and registers; says what came out."""
    store, params = results(), context["params"]
    at, target = due_at(context), Target(params["target"])
    recording = _recording(store, params, at)
    data, parts = slice_models.dataset(recording, target, params["split"], params["failure_bound"])
    champion = store.read(lambda connection: load_champion(connection, target))
    options = Options(epochs=params["epochs"], seed=params["seed"])
    try:
        trained = train(data, parts, options, champion.model if champion else None)
    except ValueError as error:
        raise FinalError(f"cannot train or judge: {error}") from error
    version = slice_models.version_of(trained.model)
    uri = save_report(version, trained)
    slice_models.register(store, trained, at=at, by=context["dag_run"].run_id, report_uri=uri)
    verdict = trained.verdict
    log.info("model %s: %s; report at %s", version, verdict.reason, uri)
    return {
        "version": version, "is_better": verdict.is_promoted, "reason": verdict.reason, "report": uri,
    }  # fmt: skip


def _recording(store: Store, params: Mapping[str, Any], at: int) -> Recording:
    if params["file"]:
        return read_recording(replay_file(config_folder(), params["file"], TABLES))
    start = at - params["days"] * 86_400
    return store.read(lambda connection: stored_history(connection, start)).recording


def save_report(version: str, trained: Trained) -> str:
    """Writes page, figures and plots beside what runs stage, and says where.

    The same model writes the same.
    """
    folder = staging_root() / "slice_training" / version
    parts = {"report.json": orjson.dumps(report(trained), option=orjson.OPT_INDENT_2)}
    parts |= {f"{name}.svg": picture.encode() for name, picture in plots(trained).items()}
    parts["report.html"] = page(trained).encode()
    for name, data in parts.items():
        write_bytes(folder / name, data)
    return str(folder)


def next_step(context: Context, outcome: Mapping[str, Any]) -> str | None:
    """The task that follows the judgement: a person, the promotion, or none."""
    if not outcome["is_better"]:
        log.warning("model %s stays a candidate: %s", outcome["version"], outcome["reason"])
        return None
    return "approve" if context["params"]["approval"] else "promote"


def promote_model(context: Context, outcome: Mapping[str, Any]) -> str:
    """Puts the trained model to use."""
    before = slice_models.promote(
        results(),
        outcome["version"],
        at=due_at(context),
        by=context["dag_run"].run_id,
        reason=outcome["reason"],
    )
    log.info("model %s is in use; before it was %s", outcome["version"], before or "none")
    return str(outcome["version"])
