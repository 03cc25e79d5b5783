"""The steps of ``sla_evaluation``: which intervals, evaluate and store a shard, complete, publish changes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Connection

from foresight import __version__
from foresight.analysis import AnalysisParameters
from foresight.conventions import SLA_EVENTS_TOPIC, TELEMETRY_TOPIC
from foresight.errors import NotFound
from foresight.forecasting import ForecastParameters
from foresight.grid import Grid
from foresight.messaging import Message
from foresight.orchestration.connections import open_results, prepare_results
from foresight.orchestration.publications import (
    LOCK,
    SKIPPED,
    WHOLE,
    is_announced,
    open_publication,
    publish_pending,
)
from foresight.orchestration.window import resolve_window
from foresight.series import SeriesMatrix
from foresight.sla import Outlooks, Sla, SlaStatus, State, evaluate, pair_up, slis_of
from foresight.sla.changes import StateAt, StateChange, event_message
from foresight.sla.json_form import sla_from_document
from foresight.sla.rows import status_rows
from foresight.store import (
    Store,
    find_publication,
    find_series,
    load_matrix,
    load_slas,
    pending_intervals,
    save_run,
    save_statuses,
)
from foresight.store.intervals import (
    CATALOGUE_SCOPE,
    count_rows,
    is_analysed,
    latest_analysed,
    next_evaluated,
    save_evaluated_interval,
    state_changes,
)
from foresight.store.tables import sla_event

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
Handed = dict[str, Any]

SLIS_PER_SHARD = 2000
STEP_SECONDS = 60
WINDOW_SECONDS = 12 * 3600
"""How much history an SLA is evaluated on."""
ENOUGH = AnalysisParameters(min_observed=30, min_coverage=0.5)
"""What a series needs to be forecast: the defaults of a catalogue entry."""
AT_ONCE = 100
"""Most intervals that one run works on; what is left waits for the next."""


def plan_evaluations(context: Context) -> list[Handed]:
    """One thing handed over for each interval and shard of SLAs."""
    store, chosen = prepare_results(), set(context["params"]["slas"] or ())
    slas = [sla for sla in _slas(store) if not chosen or sla.name in chosen]
    if unknown := chosen - {sla.name for sla in slas}:
        raise NotFound(
            f"there is no SLA {', '.join(sorted(unknown))}; `foresight sla list` shows what there is"
        )
    intervals = _intervals(context, store)
    log.info("%d SLAs, intervals until %s", len(slas), [_utc(as_of) for as_of in intervals])
    if not slas:
        log.warning("no SLA is defined: write one and apply it with `foresight sla apply -f FILE`")
        store.transact(lambda connection: _mark_evaluated(connection, intervals, []))
    return [
        {"as_of": as_of, "slas": names, "name": f"{_utc(as_of)} shard {number}"}
        for as_of in intervals
        for number, names in enumerate(_shards(slas))
    ]


def _intervals(context: Context, store: Store) -> list[int]:
    """As-of of the intervals to evaluate, oldest first."""
    run = context["dag_run"]
    if context["params"]["as_of"] or run.run_type.value == "backfill" or run.run_type.value == "manual":
        return [_named(context, store)]
    events = context.get("triggering_asset_events") or {}
    named = {
        int(event.extra["as_of"])
        for found in events.values()
        for event in found
        if event.extra.get("scope") == CATALOGUE_SCOPE
    }
    waiting = store.read(lambda connection: pending_intervals(connection, CATALOGUE_SCOPE))
    return sorted(named.union(waiting))[:AT_ONCE]


def _named(context: Context, store: Store) -> int:
    """The one interval that a run by hand or in a backfill is about; without a date, the newest analysed."""
    run = context["dag_run"]
    if not context["params"]["as_of"] and run.data_interval_end is None:
        newest = store.read(latest_analysed)
        if newest is None:
            raise NotFound("nothing has been analysed yet: run telemetry_analysis first")
        return newest
    as_of = resolve_window(context).as_of
    if not store.read(lambda connection: is_analysed(connection, as_of)):
        raise NotFound(f"{_utc(as_of)} has not been analysed: run telemetry_analysis for it first")
    return as_of


def _shards(slas: Sequence[Sla]) -> Iterator[list[str]]:
    """Names of SLAs that have about ``SLIS_PER_SHARD`` SLIs together."""
    sizes = np.cumsum([len(sla.slis) for sla in slas])
    numbered = zip((sizes - 1) // SLIS_PER_SHARD, slas, strict=True)
    for _, group in groupby(numbered, key=lambda pair: int(pair[0])):
        yield [sla.name for _, sla in group]


def evaluate_shard(context: Context, handed: Handed) -> Handed:
    """Evaluates some SLAs at one as-of from what is stored, and stores it in one transaction."""
    context["shard_name"] = handed["name"]  # type: ignore[index]
    store, names, started = open_results(), set(handed["slas"]), time.monotonic()
    slas = [sla for sla in _slas(store) if sla.name in names]
    matrix = store.read(lambda connection: _observed(connection, slas, handed["as_of"]))
    statuses = list(_evaluated(slas, matrix))
    columns = status_rows(statuses)
    save_statuses(
        store, handed["as_of"], handed["slas"],
        columns["sla_status"], columns["sli_status"], columns["sli_window"],
    )  # fmt: skip
    states = Counter(str(sli.state) for status in statuses for sli in status.slis)
    log.info("%s: %d SLIs on %d series: %s", handed["name"], sum(states.values()), len(matrix), dict(states))
    return {**handed, "states": dict(states), "seconds": time.monotonic() - started}


def _observed(connection: Connection, slas: Sequence[Sla], as_of: int) -> SeriesMatrix:
    """The series that the SLAs match and that hold a value in their longest window."""
    metrics = {sli.metric for sli in slis_of(slas)}
    grid = Grid(as_of, WINDOW_SECONDS // STEP_SECONDS, STEP_SECONDS)
    keys = [
        row.key
        for metric in sorted(metrics)
        for row in find_series(connection, metric)
        if row.first_seen is not None and row.first_seen <= as_of and (row.last_seen or 0) > grid.start
    ]
    matched = np.unique(pair_up(slas, keys).row)
    matrix = load_matrix(connection, [keys[row] for row in matched], grid)
    return matrix.take(np.flatnonzero((~np.isnan(matrix.values)).any(axis=1)))


def _evaluated(slas: Sequence[Sla], matrix: SeriesMatrix) -> Iterator[SlaStatus]:
    """The statuses, with one forecast for each horizon that the SLAs ask for."""
    enough = ForecastParameters(enough=ENOUGH)
    by_horizon = sorted(slas, key=lambda sla: sla.horizon_minutes)
    for minutes, group in groupby(by_horizon, key=lambda sla: sla.horizon_minutes):
        alike = list(group)
        pairs = pair_up(alike, matrix.keys)
        ahead = Outlooks.of(matrix, pairs, minutes * 60 // STEP_SECONDS, enough)
        yield from evaluate(alike, matrix, pairs, ahead)


def summarise_evaluations(context: Context, shards: Sequence[Handed]) -> dict[str, Any]:
    """Completes the intervals, and notes which changes of state wait to be announced."""
    states, run = Counter[str](), context["dag_run"]
    for shard in shards:
        states.update(shard["states"])
    intervals = sorted({shard["as_of"] for shard in shards})
    is_whole = not context["params"]["slas"]

    def work(connection: Connection) -> None:
        if is_whole:
            whole = [at for at in intervals if is_analysed(connection, at, CATALOGUE_SCOPE)]
            _mark_evaluated(connection, whole, _stored(connection))
        # An interval that is evaluated late may make or unmake a change at the next one.
        touched = {*intervals, *(next_evaluated(connection, as_of) for as_of in intervals)} - {None}
        for as_of in sorted(filter(None, touched)):
            _open(connection, context, as_of, is_own=as_of in intervals)
        save_run(
            connection,
            run.dag_id,
            run.run_id,
            as_of=intervals[-1] if intervals else None,
            kind=run.run_type.value,
            state="success",
            started_at=run.start_date,
            finished_at=datetime.now(UTC),
            versions={"foresight": __version__},
            stage_seconds={"evaluate": round(sum(shard["seconds"] for shard in shards), 3)},
            counts={"intervals": len(intervals), **states},
        )

    open_results().transact(work, lock=LOCK)
    log.info("%d intervals: %s", len(intervals), dict(states))
    return {"intervals": intervals, "states": dict(states)}


def _open(connection: Connection, context: Context, as_of: int, *, is_own: bool) -> None:
    """Notes whether the changes of an interval are to be announced: those of a backfill are not.

    A backfill wakes the evaluation as any run does, so what became of the interval's telemetry decides.
    """
    telemetry = find_publication(connection, TELEMETRY_TOPIC, as_of, WHOLE) or {}
    by_hand = context["dag_run"].run_type.value == "manual" or context["params"]["publish"] == "always"
    is_wanted = is_announced(context) and (by_hand or telemetry.get("state") != SKIPPED)
    if is_own or find_publication(connection, SLA_EVENTS_TOPIC, as_of, WHOLE):
        n_expected = count_rows(connection, sla_event, as_of)
        open_publication(
            connection, SLA_EVENTS_TOPIC, as_of, WHOLE, is_wanted=is_wanted, n_expected=n_expected
        )


def publish_changes(_: Context) -> dict[str, int]:
    """Announces the changes of state that wait to be announced."""
    store = open_results()
    return publish_pending(store, SLA_EVENTS_TOPIC, lambda as_of: _messages(store, as_of))


def _messages(store: Store, as_of: int) -> Iterator[Message]:
    """One message a change of state at ``as_of``, with the figures that are stored beside it."""
    for row in store.read(lambda connection: state_changes(connection, as_of)):
        change = _change(row)
        yield Message(change.event_id, change.key.encode(), orjson.dumps(event_message(change)))


def _change(row: Mapping[str, Any]) -> StateChange:
    previous = None
    if row["previous_as_of"] is not None:
        previous = StateAt(_epoch(row["previous_as_of"]), State(row["previous_state"]))
    return StateChange(
        sla_name=row["sla_name"],
        sli_name=row["sli_name"],
        as_of=_epoch(row["as_of"]),
        previous=previous,
        state=State(row["state"]),
        revision=row["revision"],
        n_series=row["n_series"],
        worst_series_id=row["worst_series_id"],
        current_value=row["current_value"],
        current_slot=row["current_slot"] and _epoch(row["current_slot"]),
        probability=row["probability"],
        expected_first_slot=row["expected_first_slot"] and _epoch(row["expected_first_slot"]),
    )


def _mark_evaluated(connection: Connection, intervals: Sequence[int], slas: Sequence[Sla]) -> None:
    for as_of in intervals:
        save_evaluated_interval(connection, as_of, n_sla=len(slas), n_sli=len(slis_of(slas)))


def _slas(store: Store) -> list[Sla]:
    return store.read(_stored)


def _stored(connection: Connection) -> list[Sla]:
    return [sla_from_document(stored.document) for stored in load_slas(connection)]


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


def _utc(as_of: int) -> str:
    return Grid(as_of, 1).as_of_utc.strftime("%Y-%m-%d %H:%M")
