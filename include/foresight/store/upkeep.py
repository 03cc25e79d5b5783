"""What operators look at and change by hand: publications, streams, dead letters; every change is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from foresight.errors import FinalError, NotFound
from foresight.store.bulk import upsert
from foresight.store.models import Change
from foresight.store.tables import (
    dead_letter,
    operator_change,
    publication,
    scoring_stream,
    topic_offset,
)

Rows = Sequence[Row[Any]]
PUBLICATION, STREAM, DEAD_LETTER = "publication", "stream", "dead_letter"
UNFINISHED: Final = ("pending", "set_aside")


def list_publications(
    connection: Connection, topic: str | None = None, states: Sequence[str] = UNFINISHED, limit: int = 100
) -> Rows:
    """Publications in one of these states, the newest first."""
    table = publication.c
    query = select(publication).where(table.state.in_(states)).order_by(table.as_of.desc()).limit(limit)
    return connection.execute(query.where(table.topic == topic) if topic else query).all()


def list_streams(connection: Connection) -> Rows:
    """How far every stream of records was scored."""
    return connection.execute(select(scoring_stream).order_by(scoring_stream.c.stream)).all()


def list_offsets(connection: Connection) -> Rows:
    """How far every topic was read."""
    return connection.execute(select(topic_offset).order_by(*topic_offset.primary_key)).all()


def list_dead_letters(connection: Connection, topic: str | None = None, limit: int = 100) -> Rows:
    """Messages that could not be read, the newest first."""
    table = dead_letter.c
    order = [column.desc() for column in (table.as_of, *dead_letter.primary_key)]
    query = select(dead_letter).order_by(*order).limit(limit)
    return connection.execute(query.where(table.topic == topic) if topic else query).all()


def find_dead_letter(connection: Connection, topic: str, partition: int, offset: int) -> Row[Any]:
    """One dead letter. Raises ``NotFound``."""
    key = {"topic": topic, "partition_number": partition, "message_offset": offset}
    found = connection.execute(select(dead_letter).filter_by(**key)).first()
    if found is None:
        raise NotFound(f"there is no dead letter {topic}:{partition}:{offset}")
    return found


def list_changes(connection: Connection, kind: str, subject: str | None = None, limit: int = 100) -> Rows:
    """What operators changed by hand, the newest first."""
    table = operator_change.c
    query = select(operator_change).where(table.kind == kind)
    query = query.order_by(table.changed_at.desc(), table.number.desc()).limit(limit)
    return connection.execute(query.where(table.subject == subject) if subject else query).all()


def record(
    connection: Connection,
    kind: str,
    subject: str,
    action: str,
    change: Change,
    held: Mapping[str, Any] | None,
) -> None:
    """Keeps a change with who made it and why, and ``held``, what stood before.

    Raises ``FinalError`` for a change without a reason.
    """
    check_reason(kind, subject, change)
    newest = select(func.max(operator_change.c.number)).filter_by(kind=kind, subject=subject)
    row = {
        "kind": kind,
        "subject": subject,
        "number": int(connection.execute(newest).scalar() or 0) + 1,
        "action": action,
        "changed_at": change.at,
        "changed_by": change.by,
        "reason": change.note,
        "held": held,
    }
    upsert(connection, operator_change, {name: [value] for name, value in row.items()})


def check_reason(kind: str, subject: str, change: Change) -> None:
    """Raises ``FinalError`` for a change without a reason."""
    if not change.note.strip():
        raise FinalError(f"{kind} {subject}: say why: the reason is kept with the change")
