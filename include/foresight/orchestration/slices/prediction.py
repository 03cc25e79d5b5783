"""The steps of ``slice_prediction``: receive, decide, store and send; then watch the model.

All that lies between an event and its message is one task: each further one would cost a second or two.
Killed anywhere, it goes on from the tables: events that are stored, decisions that stand, messages that wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from foresight import __version__
from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, POLICY_TOPIC
from foresight.errors import FinalError
from foresight.orchestration.connections import (
    kafka_config,
    open_results,
    open_slice_configuration,
    prepare_results,
)
from foresight.orchestration.publications import is_announced, open_publication, publish_pending
from foresight.orchestration.slices import configuration as slice_configuration
from foresight.orchestration.slices import events as slice_events
from foresight.orchestration.slices import history as slice_history
from foresight.orchestration.slices import models as slice_models
from foresight.orchestration.slices.decisions import (
    Decided,
    Wishes,
    decide,
    decided_messages,
    load_champion,
    undecided,
)
from foresight.slices.drift import has_drifted, has_worsened, input_drift
from foresight.slices.guardrails import Limits
from foresight.slices.targets import Target
from foresight.store import save_run, upsert
from foresight.store import tables as stored
from foresight.store.slices import PREDICTION_LOCK, next_batch, recent_errors, save_answers

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

PART: Final = "policy"
WATCHED_SECONDS: Final = 86_400
"""The past over which errors are watched."""


def predict_and_send(context: Context) -> dict[str, int]:
    """From new events on the topic to policy messages on the topic; says how many there were of what."""
    counts = receive_and_predict(context)
    started = time.monotonic()
    sent = publish_decisions()
    log.info("%d messages announced in %.2f s", sum(sent.values()), time.monotonic() - started)
    return counts | {"announced": sum(sent.values())}


def receive_and_predict(context: Context) -> dict[str, int]:
    """Drains the topic, decides on every cell that has something new, and stores all of it.

    Events are stored first, in a transaction of their own: whatever happens after that, they are there, and
    the decisions follow from the tables and not from the messages.
    """
    started = time.monotonic()
    store, params = prepare_results(), context["params"]
    at, wishes = int(context["dag_run"].run_after.timestamp()), wishes_of(params)
    counts = dict(slice_events.receive(store, kafka_config(), at, params["settle_seconds"]))
    seconds = {"receive": time.monotonic() - started}
    if params["periods"] == "all":
        counts |= slice_history.decide_all(store, at, wishes)
    waiting = store.read(lambda connection: undecided(connection, at))
    counts["unanswered"] = sum(
        slice_configuration.refresh(store, open_slice_configuration(), sorted(waiting)).values()
    )
    seconds["configuration"] = time.monotonic() - started - seconds["receive"]

    def work(connection: Connection) -> dict[str, int]:
        found = _decide_and_save(connection, at, wishes, is_wanted=is_announced(context))
        seconds["decide"] = time.monotonic() - started - seconds["receive"] - seconds["configuration"]
        _save_run(connection, context, at, counts | found, seconds)
        return found

    counts |= store.transact(work, lock=PREDICTION_LOCK)
    log.info("%s, seconds %s", counts, seconds)
    return counts


def wishes_of(params: Mapping[str, Any]) -> Wishes:
    """What the parameters of a run ask for."""
    limits = Limits(
        cell_share=params["cell_share"],
        slice_share=params["slice_share"],
        minimum_share=params["minimum_share"],
        quiet_seconds=params["quiet_seconds"],
        max_age_seconds=params["max_age_seconds"],
    )
    target = Target(params["target"])
    return Wishes(target, limits, frozenset(params["slices"]), params["late_periods"])


def _decide_and_save(connection: Connection, at: int, wishes: Wishes, *, is_wanted: bool) -> dict[str, int]:
    """Decides on what waits now and stores it; a message is opened where anything is to be sent."""
    waiting = undecided(connection, at)
    if not waiting:
        return {"decided": 0, "sent": 0}
    decided = decide(connection, waiting, at, wishes)
    batch = next_batch(connection, [POLICY_TOPIC], at)
    upsert(connection, stored.slice_prediction, {**decided.columns, "as_of": batch})
    save_answers(connection, decided.overdue)
    counts = decided.counts()
    if counts["sent"]:
        open_publication(connection, POLICY_TOPIC, batch, PART, is_wanted=is_wanted)
    drifted = _drifted(connection, decided, wishes.target)
    return {"decided": len(waiting), **counts, "drifted_inputs": len(drifted)}


def _drifted(connection: Connection, decided: Decided, target: Target) -> list[str]:
    """Which inputs have moved away from what the model in use was trained on."""
    champion = load_champion(connection, target)
    if champion is None:
        return []
    found = input_drift(champion.model.card.profile, decided.inputs)
    moved = {name: index for name, index in found.items() if has_drifted(index, len(decided.inputs))}
    for name, index in moved.items():
        log.warning("input %s has drifted: population stability index %.2f", name, index)
    return list(moved)


def _save_run(
    connection: Connection, context: Context, at: int, counts: Mapping[str, int], seconds: Mapping[str, float]
) -> None:
    run = context["dag_run"]
    save_run(
        connection, run.dag_id, run.run_id,
        as_of=at, kind=run.run_type.value, state="success", started_at=run.start_date,
        finished_at=datetime.now(UTC), versions={"foresight": __version__},
        stage_seconds={name: round(value, 3) for name, value in seconds.items()}, counts=dict(counts),
    )  # fmt: skip


def publish_decisions() -> dict[str, int]:
    """Sends every policy message and dead letter that waits, each once."""
    store = open_results()
    try:
        sent = publish_pending(store, POLICY_TOPIC, lambda as_of: decided_messages(store, as_of))
    finally:  # a policy message that no broker takes keeps no dead letter back
        letters = publish_pending(
            store, PERFORMANCE_DEAD_LETTER_TOPIC, lambda as_of: slice_events.letter_messages(store, as_of)
        )
    return sent | letters


def watch_errors(context: Context) -> bool:
    """Goes back to the model before where the one in use has become worse than it was judged to be."""
    store, target = open_results(), Target(context["params"]["target"])
    at = int(context["dag_run"].run_after.timestamp())
    champion = store.read(lambda connection: load_champion(connection, target))
    if champion is None:
        return False
    errors = store.read(lambda connection: recent_errors(connection, champion.version, at - WATCHED_SECONDS))
    judged = champion.model.card.metrics.get("rmse_high", np.nan)
    if not has_worsened(np.array(errors), judged):
        return False
    rmse = np.sqrt(np.mean(np.square(errors)))
    reason = f"RMSE {rmse:.3g} on {len(errors)} answers, judged {judged:.3g} at most"
    log.warning("model %s has become worse: %s", champion.version, reason)
    if context["params"]["roll_back"]:
        return _went_back(target, at, reason)
    return False


def _went_back(target: Target, at: int, reason: str) -> bool:
    try:
        bad, good = slice_models.roll_back(target, at=at, by="slice_prediction", reason=reason)
    except FinalError as error:
        log.warning("%s", error)
        return False
    log.warning("model %s is in use again instead of %s", good, bad)
    return True
