"""SLA statuses, and the changes of state that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, delete, func, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.columns import Columns
from foresight.store.engine import Store
from foresight.store.latest import save_latest
from foresight.store.reading import read_columns
from foresight.store.tables import sla_event, sla_status, sli_status, sli_window

STATUS_LOCK: Final = "sla_status"
"""Whoever writes statuses holds this lock: what an event says depends on the rows around it."""

QUIET: Final = "ok"
"""The state whose first appearance is no event."""

_NAMES_AT_ONCE: Final = 500
_REACHES: Final = (3600, 86_400, None)
"""How far from an as-of its neighbour is looked for, in seconds; nearly always it is ten minutes away."""

SliName = tuple[str, str]
"""SLA and SLI."""
_NAME: Final = (sli_status.c.sla_name, sli_status.c.sli_name)
Name = TypeVar("Name", str, SliName)


@dataclass(frozen=True, slots=True)
class _Status:
    as_of: int
    state: str


def save_statuses(
    store: Store, as_of: int, sla_names: Sequence[str], slas: Columns, slis: Columns, windows: Columns
) -> None:
    """Replaces the statuses of these SLAs at ``as_of`` and derives the changes of state anew.

    A change of state is a status that differs from the newest stored one before it, or a first one that is
    not ``ok``. An interval evaluated late may make or unmake a change at the next stored as-of, so that one
    is derived too: the events are the same whatever the order in which intervals are evaluated.

    Args:
        store: the results database.
        as_of: epoch seconds.
        sla_names: the SLAs evaluated; rows of theirs at ``as_of`` that are not given are deleted.
        slas: columns of ``sla_status``.
        slis: columns of ``sli_status``.
        windows: columns of ``sli_window``.
    """

    def work(connection: Connection) -> None:
        before = _states_at(connection, as_of, sla_names)
        for table in (sli_window, sli_status, sla_status):
            for chunk in _chunks(sla_names):
                connection.execute(delete(table).where(table.c.as_of == as_of, table.c.sla_name.in_(chunk)))
        for table, columns in ((sla_status, slas), (sli_status, slis), (sli_window, windows)):
            upsert(connection, table, columns)
        save_latest(connection, as_of, sla_names, slis, windows)
        keys = zip(slis["sla_name"], slis["sli_name"], slis["state"], strict=True)
        here = {(sla, sli): _Status(as_of, state) for sla, sli, state in keys}
        _derive_events(connection, as_of, sla_names, here, sorted({*before, *here}))

    store.transact(work, lock=STATUS_LOCK)


def newest_statuses(connection: Connection, sla_names: Sequence[str]) -> dict[int, list[str]]:
    """The newest as-of of each SLA that has a status: as-of and the names of those whose newest it is.

    Nearly all have one at the newest as-of of all, so a day is looked at first, and all of time only for the
    names that are not there.
    """
    at, name = sla_status.c.as_of, sla_status.c.sla_name
    last = connection.execute(select(func.max(at))).scalar()
    found: dict[str, int] = {}
    if last is None:
        return {}
    newest = whole_seconds(last)
    for reach in _REACHES:
        missing = [each for each in sla_names if each not in found]
        for chunk in _chunks(missing):
            query = select(name, func.max(at)).where(name.in_(chunk)).group_by(name)
            if reach is not None:
                query = query.where(at >= newest - reach)
            found |= {sla: whole_seconds(as_of) for sla, as_of in connection.execute(query)}
    by_time = defaultdict[int, list[str]](list)
    for sla, as_of in found.items():
        by_time[as_of].append(sla)
    return by_time


def rows_at(
    connection: Connection, table: Table, statuses: Mapping[int, Sequence[str]]
) -> list[dict[str, Any]]:
    """The rows of a table of statuses at these as-ofs, each of the SLAs named there, by key."""
    rows = [
        {str(name): value for name, value in row.items()}
        for as_of, names in statuses.items()
        for chunk in _chunks(names)
        for row in connection.execute(
            select(table).where(table.c.as_of == as_of, table.c.sla_name.in_(chunk))
        ).mappings()
    ]
    return sorted(rows, key=lambda row: [row[column.name] for column in table.primary_key])


def _derive_events(
    connection: Connection,
    as_of: int,
    sla_names: Sequence[str],
    here: Mapping[SliName, _Status],
    names: Sequence[SliName],
) -> None:
    """Makes ``sla_event`` follow from ``sli_status``, at ``as_of`` and at the next stored status after it."""
    previous = _neighbours(connection, as_of, names, is_later=False)
    following = _neighbours(connection, as_of, names, is_later=True)
    for chunk in _chunks(sla_names):
        connection.execute(
            delete(sla_event).where(sla_event.c.as_of == as_of, sla_event.c.sla_name.in_(chunk))
        )
    _forget_events(connection, {name: status.as_of for name, status in following.items()})
    events = [
        event
        for name in names
        for event in _changes(name, previous.get(name), here.get(name), following.get(name))
    ]
    if events:
        columns = dict(zip(sla_event.c.keys(), map(list, zip(*events, strict=True)), strict=True))
        upsert(connection, sla_event, columns)


def _changes(
    name: SliName, previous: _Status | None, here: _Status | None, following: _Status | None
) -> Iterator[tuple[str, str, int, int | None, str | None, str]]:
    """The rows of ``sla_event`` at ``here`` and at ``following``; only ``previous`` may be the first ever."""
    for status in (here, following):
        if status is None:
            continue
        if status.state != (previous.state if previous else QUIET):
            before = (previous.as_of, previous.state) if previous else (None, None)
            yield *name, status.as_of, *before, status.state
        previous = status


def _neighbours(
    connection: Connection, as_of: int, names: Sequence[SliName], *, is_later: bool
) -> dict[SliName, _Status]:
    """The nearest stored status of each SLI before ``as_of``, or after it.

    Nearly always it is that of the nearest interval that was evaluated, which is read at once.
    """
    at = sli_status.c.as_of
    nearest = func.min(at) if is_later else func.max(at)
    found_at = connection.execute(select(nearest).where(at > as_of if is_later else at < as_of)).scalar()
    if found_at is None:
        return {}
    wanted = set(names)
    states = _states_at(connection, whole_seconds(found_at), sorted({sla for sla, _ in names}))
    found = {name: status for name, status in states.items() if name in wanted}
    for reach in _REACHES:
        missing = [name for name in names if name not in found]
        if not missing:
            break
        conditions = [at > as_of if is_later else at < as_of]
        if reach is not None:
            conditions.append(at <= as_of + reach if is_later else at >= as_of - reach)
        for chunk in _chunks(missing):
            found |= _nearest(connection, chunk, nearest, conditions)
    return found


def _nearest(
    connection: Connection,
    names: Sequence[SliName],
    nearest: ColumnElement[datetime],
    conditions: Sequence[ColumnElement[bool]],
) -> dict[SliName, _Status]:
    inner = (
        select(*_NAME, nearest.label("as_of"))
        .where(tuple_(*_NAME).in_(names), *conditions)
        .group_by(*_NAME)
        .subquery()
    )
    same_name = [inner.c[column.name] == column for column in _NAME]
    return _statuses(connection, *same_name, inner.c.as_of == sli_status.c.as_of)


def _statuses(connection: Connection, *conditions: ColumnElement[bool]) -> dict[SliName, _Status]:
    rows = connection.execute(select(*_NAME, sli_status.c.as_of, sli_status.c.state).where(*conditions))
    return {(sla, sli): _Status(whole_seconds(as_of), state) for sla, sli, as_of, state in rows}


def _states_at(connection: Connection, as_of: int, sla_names: Sequence[str]) -> dict[SliName, _Status]:
    """The states of the SLIs of these SLAs at ``as_of``."""
    found: dict[SliName, _Status] = {}
    for chunk in _chunks(sla_names):
        query = select(*_NAME, sli_status.c.state)
        chosen = query.where(sli_status.c.as_of == as_of, sli_status.c.sla_name.in_(chunk))
        for sla, sli, state in zip(*read_columns(connection, chosen), strict=True):
            found[sla, sli] = _Status(as_of, state)
    return found


def _forget_events(connection: Connection, as_ofs: Mapping[SliName, int]) -> None:
    by_time = defaultdict[int, list[SliName]](list)
    for name, as_of in as_ofs.items():
        by_time[as_of].append(name)
    for as_of, names in by_time.items():
        for chunk in _chunks(names):
            is_one = tuple_(sla_event.c.sla_name, sla_event.c.sli_name).in_(chunk)
            connection.execute(delete(sla_event).where(sla_event.c.as_of == as_of, is_one))


def _chunks(names: Sequence[Name]) -> Iterator[Sequence[Name]]:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]
