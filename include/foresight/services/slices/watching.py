"""Watches the model in use: one that has become worse gives way to the one before, if that one is better.

Where it is not, nothing is done here: the slices hold by themselves (rule ``model_worse``).
"""

from __future__ import annotations

import logging
from base64 import b64decode
from typing import Final

import numpy as np
from sqlalchemy import Connection

from foresight.errors import FinalError, NotFound
from foresight.services.slices import models as slice_models
from foresight.services.slices.history import stored_history, windows_for
from foresight.services.slices.options import load_champion
from foresight.slices.drift import FEWEST_ERRORS, has_worsened
from foresight.slices.features import PAST
from foresight.slices.model_file import parse_model
from foresight.slices.network import Model
from foresight.slices.recording import GRANULARITY_SECONDS, Recording
from foresight.slices.seasons import WEEK_SECONDS
from foresight.slices.targets import Floats, Target
from foresight.store import Store
from foresight.store.slice_models import find_previous
from foresight.store.slices import recent_answers

log = logging.getLogger(__name__)

WATCHED_SECONDS: Final = 86_400
"""The past over which errors are watched."""


def watch_errors(
    store: Store, target: Target, at: int, *, rolls_back: bool, granularity: int = GRANULARITY_SECONDS
) -> bool:
    """Rolls back where the model in use is worse than it was judged to be, or than ``configured``.

    Only to a model whose errors on the last day are smaller than both of theirs. Says whether it did.
    """
    champion = store.read(lambda connection: load_champion(connection, target))
    if champion is None:
        return False
    since = at - WATCHED_SECONDS
    rows = store.read(lambda connection: recent_answers(connection, champion.version, since))
    values = np.array([(row.raw, row.configured, row.answer) for row in rows], np.float64).reshape(-1, 3)
    reason = _complaint(values, champion.model.card.metrics.get("rmse_high", np.nan))
    if reason is None:
        return False
    log.warning("model %s has become worse: %s", champion.version, reason)
    if not rolls_back:
        return False
    if not store.read(lambda c: _is_previous_better(c, champion.model, since, granularity)):
        log.warning("no better version was in use before: where it is worse than configured, slices hold")
        return False
    return _rolled_back(store, target, at, reason, champion.version)


def _complaint(values: Floats, judged: float) -> str | None:
    """What is wrong with a model; ``values`` ``[n, 3]``: prediction, configured, what came true."""
    if len(values) < FEWEST_ERRORS:
        return None
    errors = values[:, 0] - values[:, 2]
    rmse, configured = _rms(errors), _rms(values[:, 1] - values[:, 2])
    if has_worsened(errors, judged):
        return f"RMSE {rmse:.3g} on {len(errors)} answers, judged {judged:.3g} at most"
    if rmse > configured:
        return f"RMSE {rmse:.3g} on {len(errors)} answers, answering configured {configured:.3g}"
    return None


def _is_previous_better(connection: Connection, model: Model, since: int, granularity: int) -> bool:
    """Whether the model before would have been nearer on what was measured since (epoch seconds)."""
    row = find_previous(connection, model.card.target)
    if row is None:
        return False
    previous = parse_model(b64decode(row.document), row.version)
    is_long = model.is_seasonal or previous.is_seasonal
    start = since - PAST * granularity - (WEEK_SECONDS if is_long else 0)
    try:
        recording = stored_history(connection, start, seconds=granularity).recording
    except NotFound:
        return False
    ours, answers = _answers(model, recording, since)
    theirs, _ = _answers(previous, recording, since)
    configured = recording.configured[:, PAST:]
    known = np.isfinite(ours) & np.isfinite(theirs) & np.isfinite(answers) & np.isfinite(configured)
    if known.sum() < FEWEST_ERRORS:
        return False
    errors = [_rms((values - answers)[known]) for values in (theirs, ours, configured)]
    return errors[0] < min(errors[1:])


def _answers(model: Model, recording: Recording, since: int) -> tuple[Floats, Floats]:
    """What a model answers for each window since, and what it should have; NaN outside its range."""
    inputs, answers = windows_for(model, recording)
    flat = inputs.reshape(-1, inputs.shape[-1])
    known = np.isfinite(flat).all(axis=1)
    found = np.full(len(flat), np.nan)
    found[known] = np.where(model.is_outside(flat[known]), np.nan, model.predict(flat[known]))
    recent = recording.starts[PAST:] >= since
    return np.where(recent, found.reshape(answers.shape), np.nan), answers


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _rolled_back(store: Store, target: Target, at: int, reason: str, judged: str) -> bool:
    """Goes back from the model that was judged; not from one that somebody has put to use meanwhile."""
    try:
        bad, good = slice_models.roll_back(
            store, target, at=at, by="slice_prediction", reason=reason, expected=judged
        )
    except FinalError as error:
        log.warning("%s", error)
        return False
    log.warning("model %s is in use again instead of %s", good, bad)
    return True
