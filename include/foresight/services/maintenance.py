"""Planned downtime: add, list, delete. What changes in the past is counted anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from foresight.durations import duration_seconds
from foresight.errors import FinalError
from foresight.instants import read_instant
from foresight.services.slas import read_active
from foresight.sla.downtime import Maintenance
from foresight.sla.rules import refuse
from foresight.sla.windows import HELD_MINUTES, HOUR
from foresight.store import DEFINITION_LOCK, Store
from foresight.store.maintenance_windows import delete_maintenance, load_maintenance, save_maintenance
from foresight.store.rollups import forget_counts, forget_hours


def window_from_text(
    name: str,
    start: str,
    length: str,
    sla: str | None,
    labels: Sequence[str],
    rule: str,
    zone: str,
    description: str,
) -> Maintenance:
    """Planned downtime as people write it. Raises ``FinalError`` with the reason where it is none."""
    try:
        pairs = tuple((label.partition("=")[0], label.partition("=")[2]) for label in labels)
        refuse(*(f"a label is written label=value, got {label!r}" for label in labels if "=" not in label))
        seconds = duration_seconds(length)
        return Maintenance(name, read_instant(start), seconds, sla, pairs, rule, zone, description)
    except ValueError as error:
        raise FinalError(f"planned downtime {name!r}: {error}") from error


def add(store: Store, window: Maintenance, *, by: str, at: int) -> bool:
    """Adds or changes planned downtime; False where it is so already.

    Hours in the past that it covers, or covered before, are counted anew by the next evaluation. Raises
    ``NotFound`` for an SLA that there is not, and ``FinalError`` where the labels choose none.
    """

    def work(connection: Connection) -> bool:
        active = read_active(connection)
        if window.sla is not None:
            active.get(window.sla)
        elif not any(window.covers(sla) for sla in active.readable):
            shown = ", ".join(f"{label}={value}" for label, value in window.labels)
            raise FinalError(f"no SLA has the labels {shown}")
        before = [each for each in read_downtime(connection) if each.name == window.name]
        is_new = save_maintenance(connection, row_of(window), at=at, by=by)
        if is_new:
            for each in (*before, window):
                _forget(connection, each, at)
        return is_new

    return store.transact(work, lock=DEFINITION_LOCK)


def delete(store: Store, name: str, *, by: str, at: int) -> None:
    """Deletes planned downtime; what it excluded counts again. Raises ``NotFound``."""

    def work(connection: Connection) -> None:
        _forget(connection, window_of(delete_maintenance(connection, name, at=at, by=by)), at)

    store.transact(work, lock=DEFINITION_LOCK)


def read_downtime(connection: Connection) -> list[Maintenance]:
    """All planned downtime, by name."""
    return [window_of(row) for row in load_maintenance(connection)]


def list_downtime(store: Store) -> list[Maintenance]:
    """The same."""
    return store.read(read_downtime)


def row_of(window: Maintenance) -> dict[str, Any]:
    """The row of ``maintenance_window``."""
    return {
        "name": window.name,
        "sla_name": window.sla,
        "labels": [list(pair) for pair in window.labels] or None,
        "starts_at": window.starts_at,
        "seconds": window.seconds,
        "rule": window.rule or None,
        "zone": window.zone,
        "description": window.description,
    }


def window_of(row: dict[str, Any]) -> Maintenance:
    """The window that ``row_of`` wrote."""
    labels = tuple((label, value) for label, value in row["labels"] or ())
    return Maintenance(
        row["name"], row["starts_at"], row["seconds"], row["sla_name"], labels, row["rule"] or "",
        row["zone"], row["description"],
    )  # fmt: skip


def _forget(connection: Connection, window: Maintenance, at: int) -> None:
    """The hours that it covers in the past have to be counted anew."""
    names = [sla.name for sla in read_active(connection).readable if window.covers(sla)]
    intervals = window.intervals(window.starts_at - 1, at)
    if names and intervals:
        for start, end in intervals:
            last = min(end, at)
            forget_hours(connection, range(start - start % HOUR + HOUR, last + HOUR + 1, HOUR), names)
            forget_counts(connection, start - 1, last + HELD_MINUTES * 60, names)
