"""Calibrators that were fitted here, and every decision about which one is in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.tables import calibrator, calibrator_change

CALIBRATOR_LOCK: Final = "calibrator"
"""Whoever decides about calibrators holds this lock."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of ``calibrator_change``."""

    number: int
    as_of: int
    action: str
    version: str
    in_use: str
    changed_by: str
    reason: str
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    n_outcomes: int | None
    n_violations: int | None
    skill_before: float | None
    skill_after: float | None


def list_changes(connection: Connection) -> list[Change]:
    """Every decision, the oldest first."""
    rows = connection.execute(select(calibrator_change).order_by(calibrator_change.c.number)).mappings()
    return [Change(**{**row, "as_of": whole_seconds(row["as_of"])}) for row in rows]


def list_versions(connection: Connection) -> dict[str, Any]:
    """Kind and time of each calibrator, by version."""
    rows = connection.execute(select(calibrator.c.version, calibrator.c.kind, calibrator.c.fitted_at))
    return {row.version: {"kind": row.kind, "fitted_at": whole_seconds(row.fitted_at)} for row in rows}


def find_document(connection: Connection, version: str) -> dict[str, Any] | None:
    """The numbers of a calibrator; None where it is not stored."""
    query = select(calibrator.c.document).where(calibrator.c.version == version)
    found: dict[str, Any] | None = connection.execute(query).scalar()
    return found


def save_calibrator(
    connection: Connection, version: str, kind: str, shipped: str, fitted_at: int, document: Mapping[str, Any]
) -> None:
    """Keeps a calibrator."""
    row = {
        "version": version, "kind": kind, "shipped": shipped, "fitted_at": fitted_at, "document": document,
    }  # fmt: skip
    upsert(connection, calibrator, {name: [value] for name, value in row.items()})


def save_change(connection: Connection, row: Mapping[str, Any]) -> int:
    """Adds a decision, in a transaction that holds the lock; answers its number."""
    newest = connection.execute(select(func.max(calibrator_change.c.number))).scalar()
    number = int(newest or 0) + 1
    upsert(connection, calibrator_change, {"number": [number], **{name: [row[name]] for name in row}})
    return number
