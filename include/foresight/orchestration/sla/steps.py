"""The steps of ``sla_evaluation`` around its shards: which intervals and SLAs, complete, publish changes."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Connection

from foresight import __version__
from foresight.conventions import SLA_EVENTS_TOPIC, TELEMETRY_TOPIC
from foresight.errors import NotFound
from foresight.orchestration.runs import is_announced
from foresight.orchestration.window import resolve_window
from foresight.services.evaluation import check_kept, evaluate_stored, is_kept, utc
from foresight.services.publications import (
    LOCK,
    SKIPPED,
    WHOLE,
    open_publication,
    publish_pending,
)
from foresight.services.sla_events import event_messages
from foresight.services.slas import list_slas, read_active
from foresight.sla import Sla, slis_of
from foresight.store import (
    Store,
    count_rows,
    find_publication,
    pending_intervals,
    save_run,
)
from foresight.store.intervals import (
    CATALOGUE_SCOPE,
    is_analysed,
    latest_analysed,
    next_evaluated,
    save_evaluated_interval,
)
from foresight.store.tables import sla_event
from foresight.wiring.connections import kafka_config, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
Handed = dict[str, Any]

SLIS_PER_SHARD = 2000
AT_ONCE = 100
"""Most intervals that one run works on, unless events name more; what is left waits for the next."""
MAX_REASONS = 100
"""Most SLAs whose reason to be set aside is kept with a run."""


def plan_evaluations(context: Context) -> list[Handed]:
    """One thing handed over for each interval and shard of SLAs."""
    store = results()
    active = list_slas(store)
    slas = active.choose(context["params"]["slas"] or ())
    intervals = _intervals(context, store)
    log.info("%d SLAs, intervals until %s", len(slas), [utc(as_of) for as_of in intervals])
    for name, reason in sorted(active.unreadable.items())[:MAX_REASONS]:
        log.error("SLA %s cannot be read: %s", name, reason)
    if not slas:
        log.warning("no SLA can be evaluated: write one and apply it with `foresight sla apply -f FILE`")
        store.transact(lambda connection: _mark_evaluated(connection, intervals, []))
    return [
        {"as_of": as_of, "slas": names, "name": f"{utc(as_of)} shard {number}"}
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
    pending = store.read(lambda connection: pending_intervals(connection, CATALOGUE_SCOPE))
    return _chosen(store, named, pending)


def _chosen(store: Store, named: set[int], pending: Sequence[int]) -> list[int]:
    """What events name, for no later run would, and as many of those that wait as one run takes.

    An interval whose samples retention has removed is left out: retention takes the oldest first, so all that
    wait before such a one have lost theirs too.
    """
    waiting = [as_of for as_of in pending if as_of not in named]
    n_lost = bisect_left(waiting, True, key=lambda as_of: is_kept(store, as_of))
    if n_lost:
        log.warning(
            "%d intervals until %s are left out: they were never evaluated, and their samples are gone",
            n_lost,
            utc(waiting[n_lost - 1]),
        )
    told = {as_of for as_of in named if is_kept(store, as_of)}
    for as_of in sorted(named - told):
        log.warning("the interval until %s is left out: its samples are gone", utc(as_of))
    return sorted(told.union(waiting[n_lost : n_lost + max(0, AT_ONCE - len(told))]))


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
        raise NotFound(f"{utc(as_of)} has not been analysed: run telemetry_analysis for it first")
    check_kept(store, as_of)
    return as_of


def _shards(slas: Sequence[Sla]) -> Iterator[list[str]]:
    """Names of SLAs that have about ``SLIS_PER_SHARD`` SLIs together."""
    sizes = np.cumsum([len(sla.slis) for sla in slas])
    numbered = zip((sizes - 1) // SLIS_PER_SHARD, slas, strict=True)
    for _, group in groupby(numbered, key=lambda pair: int(pair[0])):
        yield [sla.name for _, sla in group]


def evaluate_shard(context: Context, handed: Handed) -> Handed:
    """Evaluates some SLAs at one as-of and stores that; one that cannot be evaluated is set aside."""
    context["shard_name"] = handed["name"]  # type: ignore[index]
    started = time.monotonic()
    found = evaluate_stored(results(), handed["slas"], handed["as_of"])
    log.info("%s: %d SLIs: %s", handed["name"], sum(found.states.values()), found.states)
    seconds = time.monotonic() - started
    return {**handed, "states": found.states, "set_aside": found.set_aside, "seconds": seconds}


def summarise_evaluations(context: Context, shards: Sequence[Handed]) -> dict[str, Any]:
    """Completes the intervals, and notes which changes of state wait to be announced."""
    states, run = Counter[str](), context["dag_run"]
    for shard in shards:
        states.update(shard["states"])
    set_aside = _set_aside(shards)
    intervals = sorted({shard["as_of"] for shard in shards})
    is_whole = not context["params"]["slas"]

    def work(connection: Connection) -> dict[str, str]:
        active = read_active(connection)
        reasons = active.unreadable | set_aside
        if is_whole:
            whole = [at for at in intervals if is_analysed(connection, at, CATALOGUE_SCOPE)]
            _mark_evaluated(connection, whole, [sla for sla in active.readable if sla.name not in reasons])
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
            counts={
                "intervals": len(intervals),
                **states,
                "set_aside": len(reasons),
                "reasons": dict(sorted(reasons.items())[:MAX_REASONS]),
            },
        )
        return reasons

    reasons = results().transact(work, lock=LOCK)
    log.info("%d intervals: %s", len(intervals), dict(states))
    for name, reason in sorted(reasons.items())[:MAX_REASONS]:
        log.error("SLA %s is set aside: %s", name, reason)
    return {"intervals": intervals, "states": dict(states), "set_aside": len(reasons)}


def _set_aside(shards: Sequence[Handed]) -> dict[str, str]:
    """Why SLAs could not be evaluated, by name."""
    return {name: reason for shard in shards for name, reason in shard["set_aside"].items()}


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
    store = results()
    return publish_pending(
        store, kafka_config(), SLA_EVENTS_TOPIC, lambda as_of: event_messages(store, as_of)
    )


def _mark_evaluated(connection: Connection, intervals: Sequence[int], slas: Sequence[Sla]) -> None:
    for as_of in intervals:
        save_evaluated_interval(connection, as_of, n_sla=len(slas), n_sli=len(slis_of(slas)))
