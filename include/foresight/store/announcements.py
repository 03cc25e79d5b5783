"""Which changes of state are announced, and how often each of them became another one.

Events are derived anew with each evaluation, so an event alone does not tell that another one was announced
of the same instant meanwhile. ``sla_announcement`` keeps what was last to be announced of an SLI at an
as-of, and numbers it: a change that comes back after another one is announced again, under another id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, select

from foresight.store.bulk import upsert
from foresight.store.checks import content_of_rows
from foresight.store.tables import sla_announcement, sla_event, sli_status

_KEY: Final = ("sla_name", "sli_name", "as_of")
_SAYS: Final = ("previous_state", "state", "revision")
"""What an announcement says, by column: with anything else it is another one."""
_JOINED: Final = sla_event.join(sli_status, and_(*(sla_event.c[name] == sli_status.c[name] for name in _KEY)))


def note_changes(connection: Connection, as_of: int) -> str:
    """Notes which changes of state are to be announced of ``as_of``; answers a hash of them.

    Call it in a transaction that holds the lock of publications: numbers follow from what stands.
    """
    held = {
        (row.sla_name, row.sli_name): row
        for row in connection.execute(select(sla_announcement).where(sla_announcement.c.as_of == as_of))
    }
    said = [sla_event.c.sla_name, sla_event.c.sli_name]
    said += [sla_event.c.previous_state, sla_event.c.state, sli_status.c.revision]
    found = connection.execute(select(*said).select_from(_JOINED).where(sla_event.c.as_of == as_of)).all()
    contents, fresh = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in found:
        before = held.get((row.sla_name, row.sli_name))
        is_same = before is not None and all(getattr(before, name) == getattr(row, name) for name in _SAYS)
        number = 1 if before is None else before.number + (not is_same)
        contents.append({**row._mapping, "number": number})
        if not is_same:
            fresh.append({**row._mapping, "as_of": as_of, "number": number})
    if fresh:
        upsert(connection, sla_announcement, {name: [each[name] for each in fresh] for name in fresh[0]})
    return content_of_changes(contents)


def content_of_changes(changes: Iterable[Mapping[str, Any]]) -> str:
    """A hash of what announcements say, given by column; the first of an SLI has no number in it."""
    names = ("sla_name", "sli_name", *_SAYS)
    return content_of_rows(
        [each[name] for name in names] + ([each["number"]] if each["number"] > 1 else []) for each in changes
    )


def state_changes(connection: Connection, as_of: int) -> list[Mapping[str, Any]]:
    """The changes of state to be announced of ``as_of``, each with the status that it led to, by SLA and SLI.

    An event that was stored since ``note_changes`` was called is left out: it is noted by the run that stored
    it, and announced then.
    """
    figures = [column for column in sli_status.c if column.name not in sla_event.c]
    query = (
        select(*sla_event.c, *figures, sla_announcement.c.number)
        .select_from(_JOINED.join(sla_announcement, and_(*_are_same())))
        .where(sla_event.c.as_of == as_of)
        .order_by(sla_event.c.sla_name, sla_event.c.sli_name)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _are_same() -> list[ColumnElement[bool]]:
    noted = sla_announcement.c
    same = [sla_event.c[name] == noted[name] for name in _KEY]
    return [
        *same,
        sla_event.c.previous_state.is_not_distinct_from(noted.previous_state),
        sla_event.c.state == noted.state,
        sli_status.c.revision == noted.revision,
    ]
