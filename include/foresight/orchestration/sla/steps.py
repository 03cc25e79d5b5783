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
from foresight.errors import FinalError, NotFound
from foresight.instants import minute_text
from foresight.orchestration.runs import is_announced
from foresight.orchestration.window import resolve_window
from foresight.services.evaluation import check_kept, evaluate_stored, is_kept
from foresight.services.publications import (
    LOCK,
    SKIPPED,
    WHOLE,
    open_publication,
    publish_pending,
)
from foresight.services.sla_events import event_messages
from foresight.services.slas import list_slas, names_between, read_active
from foresight.sla.definitions import Sla
from foresight.sla.matching import slis_of
from foresight.store import (
    Store,
    find_publication,
    pending_intervals,
    save_run,
)
from foresight.store.announcements import note_changes
from foresight.store.intervals import (
    CATALOGUE_SCOPE,
    is_analysed,
    latest_analysed,
    next_evaluated,
    save_evaluated_interval,
)
from foresight.wiring.connections import kafka_config, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
Artifact = dict[str, Any]

SLIS_PER_SHARD = 2000
AT_ONCE = 100
"""Most intervals that one run works on; what is left waits for the next."""
MAX_TASKS = 256
"""Most mapped tasks of one run; Airflow makes 1,024 at most."""
MAX_SET_ASIDE = 0.5
"""Share of the SLAs from which on a run fails: so many broken ones are no accident of single SLAs."""
MAX_REASONS = 100
"""Most SLAs whose reason to be set aside is kept with a run."""


class TooManySetAside(FinalError):
    """So many SLAs could not be evaluated that something else must be wrong than they."""


def plan_evaluations(context: Context) -> list[Artifact]:
    """A reference for each interval and shard of SLAs: as-of, first and last name of the shard."""
    store = results()
    active = list_slas(store)
    slas = active.choose(context["params"]["slas"] or ())
    shards = list(_shards(slas))
    intervals = _intervals(context, store, max(1, min(AT_ONCE, MAX_TASKS // max(1, len(shards)))))
    log.info("%d SLAs, intervals until %s", len(slas), [minute_text(as_of) for as_of in intervals])
    for name, reason in sorted(active.unreadable.items())[:MAX_REASONS]:
        log.error("SLA %s cannot be read: %s", name, reason)
    if not slas:
        log.warning("no SLA can be evaluated: write one and apply it with `foresight sla apply -f FILE`")
        store.transact(lambda connection: _mark_evaluated(connection, intervals, []))
    return [
        {"as_of": as_of, "first": first, "last": last, "name": f"{minute_text(as_of)} shard {number}"}
        for as_of in intervals
        for number, (first, last) in enumerate(shards)
    ]


def _intervals(context: Context, store: Store, at_most: int) -> list[int]:
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
    return _chosen(store, named, pending, at_most)


def _chosen(store: Store, named: set[int], pending: Sequence[int], at_most: int) -> list[int]:
    """What events name, and the newest of those that wait, as many as one run takes.

    An interval whose samples retention has removed is left out: retention takes the oldest first, so all that
    wait before such a one have lost theirs too. Of those named, the ones that do not wait come first, for no
    later run would evaluate them.
    """
    n_lost = bisect_left(pending, True, key=lambda as_of: is_kept(store, as_of))
    if n_lost:
        log.warning(
            "%d intervals until %s are left out: they were never evaluated, and their samples are gone",
            n_lost,
            minute_text(pending[n_lost - 1]),
        )
    waiting = set(pending[n_lost:])
    again = {as_of for as_of in named.difference(pending) if is_kept(store, as_of)}
    for as_of in sorted(named - waiting - again):
        log.warning("the interval until %s is left out: its samples are gone", minute_text(as_of))
    newest = sorted(again, reverse=True) + sorted(waiting, reverse=True)
    chosen, left = newest[:at_most], newest[at_most:]
    for as_of in sorted(again.intersection(left)):
        log.error("the interval until %s is not evaluated again: trigger a run for it", minute_text(as_of))
    if left:
        log.warning("%d intervals until %s wait for the next run", len(left), minute_text(max(left)))
    return sorted(chosen)


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
        raise NotFound(f"{minute_text(as_of)} has not been analysed: run telemetry_analysis for it first")
    check_kept(store, as_of)
    return as_of


def _shards(slas: Sequence[Sla]) -> Iterator[tuple[str, str]]:
    """First and last name of SLAs that have about ``SLIS_PER_SHARD`` SLIs together."""
    slas = sorted(slas, key=lambda sla: sla.name)
    sizes = np.cumsum([len(sla.slis) for sla in slas])
    numbered = zip((sizes - 1) // SLIS_PER_SHARD, slas, strict=True)
    for _, group in groupby(numbered, key=lambda pair: int(pair[0])):
        names = [sla.name for _, sla in group]
        yield names[0], names[-1]


def evaluate_shard(context: Context, artifact: Artifact) -> Artifact:
    """Evaluates some SLAs at one as-of and stores that; one that cannot be evaluated is set aside."""
    context["shard_name"] = artifact["name"]  # type: ignore[index]
    started = time.monotonic()
    store = results()
    wanted = set(context["params"]["slas"] or ())
    between = names_between(store, artifact["first"], artifact["last"])
    names = [name for name in between if not wanted or name in wanted]
    found = evaluate_stored(store, names, artifact["as_of"])
    log.info("%s: %d SLIs: %s", artifact["name"], sum(found.states.values()), found.states)
    seconds = time.monotonic() - started
    return {
        **artifact,
        "n_slas": len(names),
        "states": found.states,
        "set_aside": found.set_aside,
        "seconds": seconds,
    }


def summarise_evaluations(context: Context, shards: Sequence[Artifact]) -> dict[str, Any]:
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
    n_slas = sum(shard["n_slas"] for shard in shards if shard["as_of"] == intervals[-1]) if intervals else 0
    if len(set_aside) > MAX_SET_ASIDE * n_slas:
        name, reason = min(set_aside.items())
        raise TooManySetAside(
            f"{len(set_aside)} of {n_slas} SLAs could not be evaluated, such as {name}: {reason}; "
            "what could be is stored"
        )
    return {"intervals": intervals, "states": dict(states), "set_aside": len(reasons)}


def _set_aside(shards: Sequence[Artifact]) -> dict[str, str]:
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
        content = note_changes(connection, as_of)
        open_publication(connection, SLA_EVENTS_TOPIC, as_of, WHOLE, is_wanted=is_wanted, content=content)


def publish_changes(_: Context) -> dict[str, int]:
    """Announces the changes of state that wait to be announced."""
    store = results()
    return publish_pending(
        store, kafka_config(), SLA_EVENTS_TOPIC, lambda as_of: event_messages(store, as_of)
    )


def _mark_evaluated(connection: Connection, intervals: Sequence[int], slas: Sequence[Sla]) -> None:
    for as_of in intervals:
        save_evaluated_interval(connection, as_of, n_sla=len(slas), n_sli=len(slis_of(slas)))
