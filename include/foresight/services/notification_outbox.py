"""The outbox: each change of state is put there once for each target, and told once.

A message is claimed before it is sent, and marked when the receiver took it. Whoever dies between the two
leaves the claim behind: once its lease is over, the same message goes out again under the same id.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import Connection, select

from foresight.conventions import SLA_EVENTS_TOPIC
from foresight.errors import ForesightError
from foresight.services.maintenance import read_downtime
from foresight.services.notification_messages import FIRING, Notice, notice_id
from foresight.services.notifications import Delivery, Silence, read_deliveries, read_silences
from foresight.services.publications import SKIPPED
from foresight.services.sla_events import change_of
from foresight.services.slas import read_active
from foresight.sla.changes import event_message
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance
from foresight.sla.states import State
from foresight.store import Store
from foresight.store.notifications import (
    EXPIRED,
    OUTBOX_LOCK,
    SENDING,
    SENT,
    SILENCED,
    WAITING,
    Row,
    add_to_outbox,
    change_rows,
    events_after,
    known_events,
    last_sent,
    unfinished,
)
from foresight.store.tables import sla_event

log = logging.getLogger(__name__)

LOOK_BACK_SECONDS: Final = 86_400
"""Changes of state that are older are not told any more, and a message is not tried any longer."""
LEASE_SECONDS: Final = 120
"""So long a claimed message belongs to whoever claimed it."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30, 600
_REASON_LENGTH: Final = 500


class Sender(Protocol):
    """Brings one message to its receiver."""

    def __call__(self, delivery: Delivery, notice: Notice) -> None:
        """Returns once the receiver took it. Raises ``ForesightError`` where it did not."""
        ...


@dataclass(slots=True)
class Told:
    """What became of messages: how many were sent and failed, and why those failed, by target."""

    n_sent: int = 0
    n_events: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def put_changes(store: Store, now: int) -> int:
    """Puts the changes of state of the last day that are not there yet into the outbox; says how many.

    One that a later evaluation unmade before it was told is not told.
    """

    def work(connection: Connection) -> int:
        after = now - LOOK_BACK_SECONDS
        events = events_after(connection, after, now, SKIPPED, SLA_EVENTS_TOPIC)
        deliveries = read_deliveries(connection)
        slas = {sla.name: sla for sla in read_active(connection).readable}
        told = [_told_of(row, slas[row["sla_name"]]) for row in events if row["sla_name"] in slas]
        known = known_events(connection, after)
        rows = [
            _row(delivery, event, as_of, now)
            for delivery in deliveries
            for as_of, event in told
            if as_of > delivery.since
            and (delivery.target_name, event["event_id"]) not in known
            and _is_wanted(delivery, event, slas[event["sla"]])
        ]
        add_to_outbox(connection, rows)
        _forget_unmade(connection, after, {event["event_id"] for _, event in told})
        return len(rows)

    return store.transact(work, lock=OUTBOX_LOCK)


def send_all(store: Store, send: Sender, clock: Callable[[], int]) -> Told:
    """Sends what is due. A target that fails is left alone until the next call."""
    told, failed = Told(), set[str]()
    while True:
        now = clock()
        claimed = store.transact(lambda connection, at=now: _claim(connection, at, failed), lock=OUTBOX_LOCK)  # type: ignore[misc] # mypy infers no lambda with defaults
        if claimed is None:
            return told
        delivery, notice, attempts = claimed
        try:
            send(delivery, notice)
        except ForesightError as error:
            failed.add(delivery.target_name)
            told.failed[delivery.target_name] = str(error)[:_REASON_LENGTH]
            _mark(store, notice, due_at=clock() + _wait(attempts), reason=told.failed[delivery.target_name])
            log.warning("target %s, attempt %d: %s", delivery.target_name, attempts, error)
        else:
            _mark(store, notice, status=SENT, sent_at=clock(), due_at=None, reason=None)
            told.n_sent += 1
            told.n_events += len(notice.events)


def _told_of(row: Row, sla: Sla) -> tuple[int, dict[str, Any]]:
    """The as-of of a change of state, and what a message says of it."""
    change = change_of(row)
    event = event_message(change) | {
        "owner": sla.owner,
        "description": sla.description,
        "labels": [list(pair) for pair in sla.notes.labels],
    }
    return change.as_of, event


def _is_wanted(delivery: Delivery, event: Mapping[str, Any], sla: Sla) -> bool:
    state, before = event["state"], event["previous_state"]
    is_told = state in delivery.states or (state not in FIRING and before in delivery.states)
    return is_told and delivery.wants(sla, event["sli"])


def _row(delivery: Delivery, event: Mapping[str, Any], as_of: int, now: int) -> Row:
    group = _group(delivery, event)
    return {
        "target_name": delivery.target_name, "event_id": event["event_id"], "as_of": as_of,
        "sla_name": event["sla"], "sli_name": event["sli"],
        "group_key": hashlib.sha256(orjson.dumps(group, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        "status": WAITING, "event": dict(event), "created_at": now, "batch": None, "attempts": 0,
        "due_at": now, "sent_at": None, "reason": None,
    }  # fmt: skip


def _group(delivery: Delivery, event: Mapping[str, Any]) -> dict[str, str]:
    names = {"sla": ("sla",), "sli": ("sla", "sli"), "all": ()}[delivery.group_by]
    return {name: event[name] for name in names}


def _forget_unmade(connection: Connection, after: int, event_ids: set[str]) -> None:
    for row in unfinished(connection):
        if row["status"] == WAITING and row["as_of"] > after and row["event_id"] not in event_ids:
            reason = "a later evaluation unmade this change of state, or its SLA was deleted"
            change_rows(connection, row["target_name"], [row["event_id"]], status=EXPIRED, reason=reason)


def _claim(connection: Connection, now: int, failed: set[str]) -> tuple[Delivery, Notice, int] | None:
    """The oldest message that is due, claimed, with the number of this attempt; None where nothing is."""
    deliveries = {each.target_name: each for each in read_deliveries(connection)}
    rows = _settled(connection, unfinished(connection), deliveries, now)
    busy = {(row["target_name"], row["group_key"]) for row in rows if row["status"] == SENDING}
    longest = max((each.cooldown_seconds for each in deliveries.values()), default=0)
    sent = last_sent(connection, now - longest - 1)
    for row in rows:
        target, group = row["target_name"], (row["target_name"], row["group_key"])
        if target in failed:
            continue
        delivery = deliveries[target]
        if row["status"] == SENDING:
            if (row["due_at"] or 0) > now:
                continue
            mine = [each for each in rows if each["target_name"] == target and each["batch"] == row["batch"]]
        else:
            is_quiet = group in sent and sent[group] + delivery.cooldown_seconds > now
            if group in busy or is_quiet:
                continue
            mine = [each for each in rows if (each["target_name"], each["group_key"]) == group]
        ids = [each["event_id"] for each in mine]
        batch = row["batch"] or notice_id(target, ids)
        attempts = row["attempts"] + 1
        change_rows(
            connection,
            target,
            ids,
            status=SENDING,
            batch=batch,
            attempts=attempts,
            due_at=now + LEASE_SECONDS,
        )
        events = [each["event"] for each in mine]
        return delivery, Notice(batch, target, _group(delivery, events[0]), events), attempts
    return None


def _settled(
    connection: Connection, rows: Sequence[Row], deliveries: Mapping[str, Delivery], now: int
) -> list[Row]:
    """The rows that are still to be told; the others are marked with why not."""
    quiet = _Quiet(connection, now)
    left = []
    for row in rows:
        status, reason = EXPIRED, ""
        if row["target_name"] not in deliveries:
            reason = "nobody says any more how the target is reached"
        elif row["as_of"] <= now - LOOK_BACK_SECONDS:
            reason = f"not taken within {LOOK_BACK_SECONDS // 3600} h; last: {row['reason'] or 'not tried'}"
        elif row["status"] == WAITING and (by := quiet.reason(row)):
            status, reason = SILENCED, by
        if reason:
            change_rows(connection, row["target_name"], [row["event_id"]], status=status, reason=reason)
        else:
            left.append(row)
    return left


class _Quiet:
    """What is not told now, and why."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection, self._now = connection, now
        self._silences = read_silences(connection)
        self._downtime = read_downtime(connection)
        self._slas = {sla.name: sla for sla in read_active(connection).readable}

    def reason(self, row: Row) -> str:
        """Why a change of state is not told; empty where it is."""
        event, sla = row["event"], self._slas.get(row["sla_name"])
        if State.MAINTENANCE in {event["state"], event["previous_state"]} and event["state"] not in FIRING:
            return "planned downtime began or ended"
        if sla is None:
            return ""
        for window in self._downtime:
            if window.covers(sla) and _is_within(window, row["as_of"]):
                return f"planned downtime {window.name}"
        for silence in self._silences:
            if silence.covers(sla, row["sli_name"], self._now) and not self._is_over(silence, row):
                return f"{silence.kind} {silence.name}"
        return ""

    def _is_over(self, silence: Silence, row: Row) -> bool:
        """Whether an acknowledgement ended with an ``ok`` before this change, or this one is it."""
        if silence.kind != "acknowledgement":
            return False
        if row["event"]["state"] not in FIRING:
            return True
        table = sla_event
        ended = select(table.c.as_of).where(
            table.c.sla_name == row["sla_name"],
            table.c.sli_name == row["sli_name"],
            table.c.as_of > silence.starts_at,
            table.c.as_of < row["as_of"],
            table.c.state.not_in(sorted(FIRING)),
        )
        return self._connection.execute(ended.limit(1)).first() is not None


def _is_within(window: Maintenance, as_of: int) -> bool:
    return bool(window.intervals(as_of - 1, as_of))


def _wait(attempts: int) -> int:
    """Seconds until a message is tried again."""
    return int(min(FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_WAIT_SECONDS))


def _mark(store: Store, notice: Notice, **values: Any) -> None:
    ids = [str(event["event_id"]) for event in notice.events]
    store.transact(lambda connection: change_rows(connection, notice.target, ids, **values), lock=OUTBOX_LOCK)
