"""Measurements, configuration and predictions of slices; how far a topic was read; dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, and_, bindparam, delete, func, or_, select, tuple_, update

from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.tables import (
    dead_letter,
    publication,
    slice_bound,
    slice_cell,
    slice_configuration,
    slice_hold,
    slice_measurement,
    slice_prediction,
    slice_sent,
    slice_status,
    topic_offset,
)

Rows = Sequence[Row[Any]]
Cell = tuple[str, str, str]
"""Slice in its normal form, gNB-CU, cell."""

EVENTS_LOCK: Final = "slice_events"
"""Whoever stores events holds this lock: offsets and rows follow from those that are there."""
PREDICTION_LOCK: Final = "slice_prediction"
"""Whoever decides on cells holds this lock: each period of a cell is decided once."""
CONFIGURATION_LOCK: Final = "slice_configuration"
"""Whoever stores configuration holds this lock: since when a value holds follows from what is there."""
HOLD_LOCK: Final = "slice_hold"
"""Whoever holds or releases a slice holds this lock: the answer follows from what is there."""

MOST_ERRORS: Final = 50_000
"""Errors of a model that are read at once."""
_AT_ONCE: Final = 500
_CELLS_BY_KEY: Final = 2000
"""Cells from which on all measurements of a time are read, and not those of each cell."""
_CLOCK_SECONDS: Final = 86_400
_CELL: Final = ("snssai", "cu", "cell")
_ORIGINS: Final = ("counters", "sharing", "source", "suspicion")


def read_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """The next offset to read of each partition that was ever read."""
    query = select(topic_offset.c.partition_number, topic_offset.c.next_offset).filter_by(topic=topic)
    return {int(number): int(offset) for number, offset in connection.execute(query)}


def read_topic_id(connection: Connection, topic: str) -> str | None:
    """The identity of the topic that the stored offsets belong to; None where it is not known."""
    found = connection.execute(select(topic_offset.c.topic_id).filter_by(topic=topic)).scalars()
    return next((identity for identity in found if identity is not None), None)


def save_offsets(
    connection: Connection, topic: str, offsets: Mapping[int, int], as_of: int, topic_id: str | None = None
) -> None:
    """How far the partitions of a topic have been read; offsets of a topic that had its name before go."""
    if topic_id is not None:
        is_gone = and_(topic_offset.c.topic == topic, topic_offset.c.topic_id != topic_id)
        connection.execute(delete(topic_offset).where(is_gone))
    columns = {"partition_number": list(offsets), "next_offset": list(offsets.values())}
    upsert(connection, topic_offset, {"topic": topic, "as_of": as_of, "topic_id": topic_id, **columns})


def save_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Rows by column name, all with the same columns; says how many there were."""
    listed = list(rows)
    if not listed:
        return 0
    return upsert(connection, table, {name: [row[name] for row in listed] for name in listed[0]})


def measurements_at(connection: Connection, starts: Sequence[int]) -> Rows:
    """Every measurement of the periods that start at these instants (epoch seconds)."""
    found: list[Row[Any]] = []
    for first in range(0, len(starts), _AT_ONCE):
        chosen = slice_measurement.c.period_start.in_(starts[first : first + _AT_ONCE])
        found += connection.execute(select(slice_measurement).where(chosen)).all()
    return found


def measurements_since(connection: Connection, granularity: int, start: int, end: int | None = None) -> Rows:
    """The numbers of slices over periods of one length that start in ``[start, end)``, by key.

    Times in epoch seconds. Each counter's origin is left out: reading it takes longer than all the rest.
    """
    columns = [column for column in slice_measurement.c if column.name not in _ORIGINS]
    query = select(*columns).where(*_of_slices(granularity, start))
    if end is not None:
        query = query.where(slice_measurement.c.period_start < end)
    return connection.execute(query.order_by(*slice_measurement.primary_key)).all()


def measurements_until(
    connection: Connection, granularity: int, newest: Mapping[Cell, int], n_periods: int
) -> Rows:
    """The measurements of each cell over the last ``n_periods`` periods up to the start of its newest one.

    Cells whose newest period is the same are read together, and by their keys where they are few: so a cell
    that is late makes no other one's older periods be read. Of each cell the oldest comes first. Times in
    epoch seconds.
    """
    cells_of: dict[int, list[Cell]] = {}
    for cell, start in newest.items():
        cells_of.setdefault(start, []).append(cell)
    table = slice_measurement.c
    found: list[Row[Any]] = []
    for start, cells in sorted(cells_of.items()):
        first = start - (n_periods - 1) * granularity - granularity // 2  # a start may have been rounded
        query = select(slice_measurement).where(*_of_slices(granularity, first), table.period_start <= start)
        query = query.order_by(table.period_start)
        if len(cells) > _CELLS_BY_KEY:
            rows = connection.execute(query).all()
            wanted = set(cells)
            found += [row for row in rows if (row.snssai, row.cu, row.cell) in wanted]
            continue
        is_one = tuple_(*(table[name] for name in _CELL))
        for at in range(0, len(cells), _AT_ONCE):
            found += connection.execute(query.where(is_one.in_(cells[at : at + _AT_ONCE]))).all()
    return found


def _of_slices(granularity: int, start: int) -> list[Any]:
    table = slice_measurement.c
    return [table.period_start >= start, table.granularity_seconds == granularity, table.snssai != ""]


def spellings(connection: Connection, granularity: int, newest: Mapping[Cell, int]) -> dict[Cell, str]:
    """How the event of the newest period of each cell spells its slice; ``newest``: the start of that."""
    rows = measurements_until(connection, granularity, newest, 1)
    return {(row.snssai, row.cu, row.cell): row.sent_as for row in rows}


def first_start(connection: Connection, granularity: int, start: int) -> int | None:
    """The earliest start of a period of one length from ``start`` on; None where nothing is stored."""
    query = select(func.min(slice_measurement.c.period_start)).where(*_of_slices(granularity, start))
    found = connection.execute(query).scalar()
    return None if found is None else whole_seconds(found)


def next_part(connection: Connection, granularity: int, start: int, n_rows: int) -> int | None:
    """Start of the period of the ``n_rows``-th measurement after ``start``, but after ``start``.

    None where there is none: so a history is cut into parts, oldest first, whatever the number of cells.
    """
    started = slice_measurement.c.period_start
    query = select(started).where(*_of_slices(granularity, start))
    found = connection.execute(query.order_by(started).offset(n_rows).limit(1)).scalar()
    if found is None:
        return None
    if whole_seconds(found) > start:
        return whole_seconds(found)
    return first_start(connection, granularity, start + 1)


def newest_periods(
    connection: Connection, granularity: int, since: int, until: int, ready: str, final: Sequence[str]
) -> dict[Cell, tuple[int, bool]]:
    """The start of the newest period of each cell in ``[since, until]``, and whether it is decided for good.

    It is, by a row whose outcome is ``ready`` and that a model made, or whose outcome is one of ``final``.
    Periods that start after ``until`` do not count: a sender whose clock runs ahead keeps nobody waiting.
    """
    measured, decided = slice_measurement.c, slice_prediction.c
    key = [measured[name] for name in _CELL]
    newest = (
        select(*key, func.max(measured.period_start).label("start"))
        .where(*_of_slices(granularity, since), measured.period_start <= until)
        .group_by(*key)
        .subquery()
    )
    same = [newest.c[name] == decided[name] for name in _CELL]
    same += [newest.c.start == decided.period_start, decided.granularity_seconds == granularity]
    is_made = and_(decided.outcome == ready, decided.model_version.is_not(None))
    stands = or_(is_made, decided.outcome.in_(final))
    joined = newest.outerjoin(slice_prediction, and_(*same, stands))
    found = connection.execute(select(newest, decided.outcome).select_from(joined))
    return {
        (snssai, cu, cell): (whole_seconds(start), outcome is not None)
        for snssai, cu, cell, start, outcome in found
    }


def decided_periods(
    connection: Connection, granularity: int, start: int, end: int
) -> dict[tuple[str, str, str, int], str | None]:
    """Cells and periods in ``[start, end]`` that have a prediction, and the model that made each."""
    table = slice_prediction.c
    query = select(table.snssai, table.cu, table.cell, table.period_start, table.model_version)
    query = query.where(table.granularity_seconds == granularity)
    query = query.where(table.period_start >= start, table.period_start <= end)
    return {
        (snssai, cu, cell, whole_seconds(at)): version
        for snssai, cu, cell, at, version in connection.execute(query)
    }


def last_sent(connection: Connection) -> dict[Cell, Row[Any]]:
    """The last change that was sent of each slice in each cell."""
    rows = connection.execute(select(slice_sent)).all()
    return {(row.snssai, row.cu, row.cell): row for row in rows}


def sent_in(connection: Connection, granularity: int, starts: Sequence[int]) -> Rows:
    """The decisions on these periods that went into messages."""
    table = slice_prediction.c
    query = select(slice_prediction).where(table.period_start.in_(sorted(set(starts))))
    query = query.where(table.granularity_seconds == granularity, table.is_sent.is_(True))
    return connection.execute(query).all()


def confirm(connection: Connection, cells: Sequence[tuple[Cell, Row[Any]]], at: int) -> None:
    """Notes that the configuration holds what was sent; each with its row of ``last_sent``."""
    if not cells:
        return
    decision = (*_CELL, "granularity_seconds", "period_start")
    for table, names in ((slice_sent, _CELL), (slice_prediction, decision)):
        matched = [table.c[name] == bindparam(f"_{name}") for name in names]
        rows = [{f"_{name}": getattr(row, name) for name in names} for _, row in cells]
        connection.execute(update(table).where(*matched).values(confirmed_at=at), rows)


def inventory(connection: Connection) -> Rows:
    """What is known of every cell: its id at the consumer, its controller, its capacity."""
    return list_rows(connection, slice_cell)


def bounds(connection: Connection) -> Rows:
    """Anchor, floor and ceiling of every slice in every cell."""
    return list_rows(connection, slice_bound)


def save_anchors(connection: Connection, anchors: Mapping[Cell, int], at: int) -> None:
    """What floor and ceiling are parts of from now on; floors and ceilings that somebody set stay."""
    held = {(row.snssai, row.cu, row.cell): row for row in bounds(connection)} if anchors else {}
    rows = []
    for cell, anchor in anchors.items():
        row = held.get(cell)
        given = {name: None if row is None else getattr(row, name) for name in ("floor", "ceiling")}
        key = dict(zip(_CELL, cell, strict=True))
        rows.append(key | given | {"anchor": anchor, "changed_at": at, "source": "decision"})
    save_rows(connection, slice_bound, rows)


def statuses(connection: Connection) -> dict[str, bool]:
    """Whether each slice is active, of those of whom that is known."""
    rows = connection.execute(select(slice_status.c.snssai, slice_status.c.is_active))
    return {snssai: bool(is_active) for snssai, is_active in rows}


def holds(connection: Connection) -> Rows:
    """Everything that somebody holds or has released."""
    return list_rows(connection, slice_hold)


def list_rows(connection: Connection, table: Table) -> Rows:
    """Every row of a small table, by its key."""
    return connection.execute(select(table).order_by(*table.primary_key)).all()


def next_batch(connection: Connection, topics: Sequence[str], at: int) -> int:
    """The instant that names the next batch: ``at``, or the first second behind all batches of the topics.

    Batches more than a day ahead were named while a clock was wrong: they are passed over.
    """
    near = publication.c.as_of <= at + _CLOCK_SECONDS
    query = select(func.max(publication.c.as_of)).where(publication.c.topic.in_(topics), near)
    newest = connection.execute(query).scalar()
    return at if newest is None else max(at, whole_seconds(newest) + 1)


def predictions_of(connection: Connection, as_of: int, *, is_sent: bool = True) -> Rows:
    """The predictions of one batch, by key; those that belong into its messages, or all of them."""
    query = select(slice_prediction).where(slice_prediction.c.as_of == as_of)
    if is_sent:
        query = query.where(slice_prediction.c.is_sent.is_(True))
    return connection.execute(query.order_by(*slice_prediction.primary_key)).all()


def letters_of(connection: Connection, as_of: int) -> Rows:
    """The dead letters of one batch, in the order of the topic."""
    query = select(dead_letter).where(dead_letter.c.as_of == as_of)
    return connection.execute(query.order_by(*dead_letter.primary_key)).all()


def read_configuration(connection: Connection, since: int) -> Rows:
    """Every configured limit that was seen from ``since`` on, and what held then, the oldest first."""
    table = slice_configuration.c
    key = [table[name] for name in _CELL]
    before = select(*key, func.max(table.since).label("since")).where(table.since <= since).group_by(*key)
    held = before.subquery()
    same = [held.c[name] == table[name] for name in (*_CELL, "since")]
    then = select(slice_configuration).select_from(held.join(slice_configuration, and_(*same)))
    later = select(slice_configuration).where(table.since > since)
    found = [*connection.execute(then), *connection.execute(later)]
    return sorted(found, key=lambda row: row.since)


def save_configuration(connection: Connection, values: Mapping[Cell, int], read_at: int, source: str) -> int:
    """Limits as they were read now; says how many are new or have changed.

    A value that is there already holds since it was first read; a changed one holds since now.
    """
    newest = {(row.snssai, row.cu, row.cell): row for row in read_configuration(connection, read_at)}
    rows, n_changed = [], 0
    for cell, value in values.items():
        held = newest.get(cell)
        is_same = held is not None and held.connections == value
        n_changed += not is_same
        since = whole_seconds(held.since) if held is not None and is_same else read_at
        key = dict(zip(_CELL, cell, strict=True))
        rows.append(key | {"since": since, "connections": value, "read_at": read_at, "source": source})
    save_rows(connection, slice_configuration, rows)
    return n_changed


def save_answers(
    connection: Connection, granularity: int, answers: Mapping[tuple[str, str, str, int], float]
) -> None:
    """What models should have answered, known now, by slice, gNB-CU, cell and period start."""
    if not answers:
        return
    table = slice_prediction.c
    names = (*_CELL, "period_start")
    matched = [table[name] == bindparam(f"_{name}") for name in names]
    statement = update(slice_prediction).where(*matched, table.granularity_seconds == granularity)
    rows = [
        dict(zip([f"_{name}" for name in (*names, "answer")], (*key, answer), strict=True))
        for key, answer in answers.items()
    ]
    connection.execute(statement.values(answer=bindparam("_answer")), rows)


def recent_answers(connection: Connection, version: str, since: int) -> Sequence[Any]:
    """Slice, prediction, configured and answer of a model on periods since ``since``, where all are known."""
    table = slice_prediction.c
    query = select(table.snssai, table.raw, table.configured, table.answer)
    query = query.where(table.period_start >= since, table.model_version == version)
    query = query.where(table.raw.is_not(None), table.configured.is_not(None), table.answer.is_not(None))
    return list(connection.execute(query.order_by(table.period_start.desc()).limit(MOST_ERRORS)))
