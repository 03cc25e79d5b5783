"""The steps of ``slice_prediction``: receive, decide, store and send; then watch the model.

All that lies between an event and its message is one task: each further one would cost a second or two.
Killed anywhere, it goes on from the tables: stored events, final decisions, waiting messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from foresight import __version__
from foresight.orchestration.runs import due_at, is_announced, under_old_name
from foresight.services.slices import prediction, watching
from foresight.services.slices.configuration import refresh
from foresight.services.slices.events import receive
from foresight.services.slices.history import decide_all
from foresight.services.slices.options import DecisionOptions
from foresight.slices.envelope import Envelope
from foresight.slices.guardrails import Limits
from foresight.slices.targets import Target
from foresight.store import save_run
from foresight.store.slices import PREDICTION_LOCK
from foresight.wiring.connections import kafka_config, open_slice_configuration, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def predict_and_send(context: Context) -> dict[str, int]:
    """From new events on the topic to policy messages on the topic; says how many there were of what."""
    counts = receive_and_predict(context)
    started = time.monotonic()
    sent = publish_decisions() if is_announced(context) else {}
    log.info("%d messages announced in %.2f s", sum(sent.values()), time.monotonic() - started)
    return counts | {"announced": sum(sent.values())}


def receive_and_predict(context: Context) -> dict[str, int]:
    """Drains the topic, decides on every cell that has something new, and stores all of it.

    Events are stored first, in a transaction of their own: whatever happens after that, they are there, and
    the decisions follow from the tables and not from the messages.
    """
    started = time.monotonic()
    store, params = results(), context["params"]
    at, options = due_at(context), options_of(params)
    named = (line.partition("=") for line in params["counter_names"])
    names = {int(number): name for number, _, name in named}
    counts = dict(receive(store, kafka_config(), at, params["settle_seconds"], names))
    seconds = {"receive": time.monotonic() - started}
    if params["periods"] == "all" and is_announced(context):
        counts |= decide_all(store, at, options)
    waiting, names_there = store.read(
        lambda connection: prediction.to_be_asked(connection, at, options.granularity_seconds)
    )
    unanswered = refresh(store, open_slice_configuration(), waiting, names_there)
    counts["unanswered"] = sum(unanswered.values())
    seconds["configuration"] = time.monotonic() - started - seconds["receive"]

    def work(connection: Connection) -> dict[str, int]:
        found = prediction.decide_and_save(connection, at, options, is_wanted=is_announced(context))
        seconds["decide"] = time.monotonic() - started - seconds["receive"] - seconds["configuration"]
        _save_run(connection, context, at, counts | found, seconds)
        return found

    counts |= store.transact(work, lock=PREDICTION_LOCK)
    log.info("%s, seconds %s", counts, seconds)
    return counts


def options_of(params: Mapping[str, Any]) -> DecisionOptions:
    """What the parameters of a run ask for."""
    limits = Limits(
        cell_share=params["cell_share"],
        slice_share=params["slice_share"],
        minimum_share=params["minimum_share"],
        cooldown_seconds=_cooldown(params),
        max_age_seconds=params["max_age_seconds"],
    )
    target = Target(params["target"])
    envelope = Envelope(
        floor_share=params["floor_share"],
        ceiling_share=params["ceiling_share"],
        day_cell_share=params["day_cell_share"],
        day_slice_share=params["day_slice_share"],
        repeats=params["repeats"],
    )
    return DecisionOptions(
        target, limits, frozenset(params["slices"]), params["late_periods"], envelope,
        params["granularity_seconds"],
    )  # fmt: skip


def _cooldown(params: Mapping[str, Any]) -> float:
    old = under_old_name(params, "quiet_seconds", "cooldown_seconds")
    return float(max(old or 0, params["cooldown_seconds"]))


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
    return prediction.publish_decisions(results(), kafka_config())


def watch_errors(context: Context) -> bool:
    """Rolls back to the previous model where the one in use has become worse and that one is better."""
    params = context["params"]
    rolls_back = params["roll_back"] and is_announced(context)
    return watching.watch_errors(
        results(),
        Target(params["target"]),
        due_at(context),
        rolls_back=rolls_back,
        granularity=params["granularity_seconds"],
    )
