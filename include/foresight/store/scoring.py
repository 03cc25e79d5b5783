"""How far streams of records were scored, and what runs of scoring did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from foresight.store.bulk import upsert
from foresight.store.tables import scoring_load_test, scoring_run, scoring_stream

SCORING_LOCK: Final = "scoring"
"""Whoever opens or closes a batch holds this lock."""
SOURCE: Final = "source:"
"""Under this name ``topic_ids`` holds the identity of the source; no topic has a colon in its name."""
COUNTS: Final = ("n_batches", "n_read", "n_good", "n_bad", "seconds")


def find_stream(connection: Connection, stream: str) -> Row[Any] | None:
    """How far a stream was scored; None for one that never was."""
    return connection.execute(select(scoring_stream).filter_by(stream=stream)).first()


def open_batch(connection: Connection, stream: str, number: int, fields: Mapping[str, Any], at: int) -> bool:
    """Opens the batch of that number; False where somebody else was faster.

    ``fields`` are ``offsets``, ``until``, ``model_name``, ``model_version``, ``plan`` and ``topic_ids``.
    """
    held = find_stream(connection, stream)
    if held is not None and (held.number != number or held.until is not None):
        return False
    _save(connection, scoring_stream, stream=stream, number=number, updated_at=at, **fields)
    return True


def restart_stream(
    connection: Connection,
    stream: str,
    offsets: Mapping[str, int],
    topic_ids: Mapping[str, str | None],
    at: int,
) -> bool:
    """Makes a stream go on from other offsets; a batch under way is given up. False where there is none.

    Its number goes on: no batch of before can be taken for one that comes.
    """
    held = find_stream(connection, stream)
    if held is None:
        return False
    _save(
        connection, scoring_stream,
        stream=stream, number=held.number + 1, offsets=dict(offsets), until=None, model_name=None,
        model_version=None, plan=None, updated_at=at, topic_ids=dict(topic_ids),
    )  # fmt: skip
    return True


def close_batch(connection: Connection, stream: str, number: int, at: int) -> bool:
    """Closes the batch of that number: the next one begins where it ends. False where it is closed."""
    held = find_stream(connection, stream)
    if held is None or held.number != number or held.until is None:
        return False
    _save(
        connection, scoring_stream,
        stream=stream, number=number + 1, offsets=held.until, until=None, model_name=None,
        model_version=None, plan=None, updated_at=at, topic_ids=held.topic_ids,
    )  # fmt: skip
    return True


def count_run(
    connection: Connection,
    dag_id: str,
    run_id: str,
    facts: Mapping[str, Any],
    counts: Mapping[str, Any],
    at: int,
) -> None:
    """Adds counts to those of a run; ``facts`` are its other columns but times, as they are now."""
    held = find_run(connection, dag_id, run_id)
    sums = {name: (getattr(held, name) if held else 0) + counts.get(name, 0) for name in COUNTS}
    times = {"started_at": held.started_at if held else at, "updated_at": at}
    _save(connection, scoring_run, dag_id=dag_id, run_id=run_id, **facts, **sums, **times)


def find_run(connection: Connection, dag_id: str, run_id: str) -> Row[Any] | None:
    """What a run has scored by now."""
    return connection.execute(select(scoring_run).filter_by(dag_id=dag_id, run_id=run_id)).first()


def save_load_test(connection: Connection, cells: Sequence[Mapping[str, Any]]) -> None:
    """Writes the cells of a load test; those of the same run replace what it wrote before."""
    upsert(connection, scoring_load_test, {name: [cell[name] for cell in cells] for name in cells[0]})


def _save(connection: Connection, table: Any, **row: Any) -> None:
    upsert(connection, table, {name: [value] for name, value in row.items()})
