"""What is known of one SLA at an as-of: status, budgets, violations, the minutes ahead, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, select

from foresight.errors import NotFound
from foresight.grid import STEP_SECONDS
from foresight.store import Store
from foresight.store.tables import forecast, sla_status, sli_status, sli_window

Row = dict[str, Any]
MOST_SLOTS = 10_000
"""Most violated slots of one answer; violations are listed whole."""


@dataclass(frozen=True, slots=True)
class SlaView:
    """An SLA at one as-of: its row, the rows of its SLIs by name, and those of their windows by SLI."""

    sla: Row
    slis: list[Row]
    windows: dict[str, list[Row]]


def view(store: Store, name: str, as_of: datetime | None = None, sli: str | None = None) -> SlaView:
    """The newest status at or before ``as_of``, of one SLI or of all. Raises ``NotFound``."""

    def work(connection: Connection) -> SlaView:
        at = _newest(connection, name, as_of)
        head = _rows(connection, sla_status, sla_status.c.sla_name == name, sla_status.c.as_of == at)
        found: list[list[Row]] = []
        for table in (sli_status, sli_window):
            conditions = [table.c.sla_name == name, table.c.as_of == at]
            if sli is not None:
                conditions.append(table.c.sli_name == sli)
            found.append(_rows(connection, table, *conditions))
        slis, windows = found
        if sli is not None and not slis:
            raise NotFound(f"SLA {name!r} has no status of an SLI {sli!r} at {at:%Y-%m-%dT%H:%MZ}")
        grouped: dict[str, list[Row]] = {row["sli_name"]: [] for row in slis}
        for row in windows:
            grouped.setdefault(row["sli_name"], []).append(row)
        return SlaView(head[0], slis, grouped)

    return store.read(work)


@dataclass(frozen=True, slots=True)
class Minute:
    """One slot ahead: the forecast of the worst series, and what is expected of the SLI in it.

    ``probability`` is None where the slot is not expected to leave the bounds.
    """

    slot: datetime
    mean: float | None
    low: float | None
    high: float | None
    is_expected_violated: bool
    probability: float | None


def minutes_ahead(
    store: Store, name: str, sli: str, as_of: datetime | None = None
) -> tuple[Row, list[Minute]]:
    """The row of an SLI at an as-of, and the slots after it by minute. Raises ``NotFound``."""
    row = view(store, name, as_of, sli).slis[0]
    expected = {_instant(each["slot"]): each for each in row["predicted"] or ()}
    steps = store.read(lambda connection: _forecast(connection, row["worst_series_id"], row["as_of"]))
    minutes = [
        Minute(
            slot,
            *steps.get(slot, (None, None, None)),
            slot in expected,
            expected.get(slot, {}).get("probability"),
        )
        for slot in sorted({*steps, *expected})
    ]
    return row, minutes


def _forecast(
    connection: Connection, series_id: int | None, as_of: datetime
) -> dict[datetime, tuple[float | None, float | None, float | None]]:
    columns = (forecast.c.slot, forecast.c.mean, forecast.c.q05, forecast.c.q95)
    query = select(*columns).where(forecast.c.series_id == series_id, forecast.c.as_of == as_of)
    return {slot: (mean, low, high) for slot, mean, low, high in connection.execute(query)}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def violated_slots(violations: Sequence[Row]) -> list[str]:
    """The ends of the slots that the violations of one series hold, ascending; at most ``MOST_SLOTS``."""
    found: set[datetime] = set()
    for each in violations:
        slot, end = (datetime.fromisoformat(each[name]) for name in ("start", "end"))
        while slot <= end and len(found) < MOST_SLOTS:
            found.add(slot)
            slot += timedelta(seconds=STEP_SECONDS)
    return [f"{slot:%Y-%m-%dT%H:%M:%SZ}" for slot in sorted(found)]


def _newest(connection: Connection, name: str, as_of: datetime | None) -> datetime:
    query = select(func.max(sla_status.c.as_of)).where(sla_status.c.sla_name == name)
    if as_of is not None:
        query = query.where(sla_status.c.as_of <= as_of)
    found = connection.execute(query).scalar()
    if found is None:
        raise NotFound(f"there is no status of an SLA {name!r}{' as old as that' if as_of else ''}")
    return found  # type: ignore[no-any-return] # Instant is a datetime


def _rows(connection: Connection, table: Table, *conditions: Any) -> list[Row]:
    query = select(table).where(*conditions).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]
