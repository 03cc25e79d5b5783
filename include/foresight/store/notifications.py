"""Deliveries, silences and the outbox of notifications as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, and_, delete, func, select, update

from foresight.errors import NotFound
from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.column_types import Instant
from foresight.store.tables import (
    notification_delivery,
    notification_outbox,
    notification_silence,
    publication,
    sla_announcement,
    sla_event,
    sli_status,
)

OUTBOX_LOCK: Final = "notifications"
"""Whoever fills the outbox or takes from it holds this lock."""
WAITING, SENDING, SENT, SILENCED, EXPIRED = "waiting", "sending", "sent", "silenced", "expired"
_IDS_AT_ONCE: Final = 500
Row = dict[str, Any]


def save_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Writes one row; instants are epoch seconds. What was stored under its key is replaced."""
    upsert(connection, table, {name: [value] for name, value in row.items()})


def load_rows(connection: Connection, table: Table) -> list[Row]:
    """Every row of a small table in the order of its key; instants are epoch seconds."""
    return [
        _plain(table, row)
        for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
    ]


def delete_row(connection: Connection, table: Table, name: str, what: str) -> None:
    """Deletes the row of that name. Raises ``NotFound``."""
    (column,) = table.primary_key
    if not connection.execute(delete(table).where(column == name)).rowcount:
        raise NotFound(f"there is no {what} {name!r}")


def events_after(connection: Connection, after: int, until: int, skipped: str, topic: str) -> list[Row]:
    """The changes of state in ``(after, until]`` by as-of, SLA and SLI, with the figures stored beside them.

    Those of intervals whose publication on ``topic`` is in the state ``skipped`` are left out.
    """
    same = [sla_event.c[name] == sli_status.c[name] for name in ("sla_name", "sli_name", "as_of")]
    figures = [column for column in sli_status.c if column.name not in sla_event.c]
    unannounced = select(publication.c.as_of).where(
        publication.c.topic == topic, publication.c.state == skipped
    )
    noted = [sla_event.c[name] == sla_announcement.c[name] for name in ("sla_name", "sli_name", "as_of")]
    noted += [
        sla_event.c.previous_state.is_not_distinct_from(sla_announcement.c.previous_state),
        sla_event.c.state == sla_announcement.c.state,
        sli_status.c.revision == sla_announcement.c.revision,
    ]
    joined = sla_event.join(sli_status, and_(*same)).outerjoin(sla_announcement, and_(*noted))
    query = (
        select(*sla_event.c, *figures, func.coalesce(sla_announcement.c.number, 1).label("number"))
        .select_from(joined)
        .where(sla_event.c.as_of > after, sla_event.c.as_of <= until, sla_event.c.as_of.not_in(unannounced))
        .order_by(sla_event.c.as_of, sla_event.c.sla_name, sla_event.c.sli_name)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def known_events(connection: Connection, after: int) -> set[tuple[str, str]]:
    """Target and event of every row of the outbox since ``after``."""
    table = notification_outbox
    query = select(table.c.target_name, table.c.event_id).where(table.c.as_of > after)
    return {(target, event) for target, event in connection.execute(query)}


def add_to_outbox(connection: Connection, rows: Sequence[Row]) -> None:
    """Adds rows that are not there yet."""
    if rows:
        upsert(connection, notification_outbox, {name: [row[name] for row in rows] for name in rows[0]})


def unfinished(connection: Connection) -> list[Row]:
    """What is not told yet, the oldest first."""
    table = notification_outbox
    query = select(table).where(table.c.status.in_((WAITING, SENDING)))
    rows = connection.execute(query.order_by(table.c.as_of, table.c.sla_name, table.c.sli_name)).mappings()
    return [_plain(table, row) for row in rows]


def last_sent(connection: Connection, after: int) -> dict[tuple[str, str], int]:
    """When a message of each target and group was taken last, since ``after``."""
    table = notification_outbox
    query = select(table.c.target_name, table.c.group_key, table.c.sent_at).where(table.c.sent_at > after)
    found: dict[tuple[str, str], int] = {}
    for target, group, sent_at in connection.execute(query):
        found[target, group] = max(found.get((target, group), 0), whole_seconds(sent_at))
    return found


def change_rows(connection: Connection, target: str, events: Iterable[str], **values: Any) -> None:
    """Sets columns of some rows of the outbox of one target."""
    table, ids = notification_outbox, list(events)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = table.c.event_id.in_(ids[start : start + _IDS_AT_ONCE])
        connection.execute(update(table).where(table.c.target_name == target, some).values(**values))


def outbox(connection: Connection, limit: int) -> list[Row]:
    """The newest rows of the outbox."""
    table = notification_outbox
    query = select(table).order_by(table.c.as_of.desc(), table.c.target_name, table.c.event_id).limit(limit)
    return [_plain(table, row) for row in connection.execute(query).mappings()]


def _plain(table: Table, row: Mapping[Any, Any]) -> Row:
    instants = {column.name for column in table.c if isinstance(column.type, Instant)}
    return {
        str(name): whole_seconds(value) if name in instants and value is not None else value
        for name, value in row.items()
    }


DELIVERIES, SILENCES = notification_delivery, notification_silence
