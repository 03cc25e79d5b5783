"""The newest status of each SLI in one row, so that a list of all of them is read from one index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete

from foresight.store.bulk import upsert
from foresight.store.columns import Columns
from foresight.store.tables import sli_latest

_WORST: Final = "violated"
_NAMES_AT_ONCE: Final = 500
_STATUS: Final = (
    "sla_name", "sli_name", "as_of", "state", "n_series", "current_value", "current_slot", "probability",
    "expected_first_slot",
)  # fmt: skip
_WINDOW: Final = ("window_minutes", "good_share", "burn_rate", "budget_left_minutes", "budget_left_share")

SliName = tuple[str, str]
Row = dict[str, Any]


def save_latest(
    connection: Connection, as_of: int, sla_names: Sequence[str], slis: Columns, windows: Columns
) -> None:
    """Makes ``sli_latest`` follow from the statuses of some SLAs at ``as_of``; a newer row of an SLI stays.

    ``slis`` and ``windows``: columns of ``sli_status`` and ``sli_window``.
    """
    for start in range(0, len(sla_names), _NAMES_AT_ONCE):
        some = sla_names[start : start + _NAMES_AT_ONCE]
        connection.execute(
            delete(sli_latest).where(sli_latest.c.sla_name.in_(some), sli_latest.c.as_of == as_of)
        )
    rows = _rows(slis, _STATUS)
    if not rows:
        return
    of_budget, alerting = _budget_windows(
        _rows(windows, (*_WINDOW, "sla_name", "sli_name", "is_calendar", "is_alerting"))
    )
    empty = dict.fromkeys(_WINDOW)
    whole = [
        {
            **row,
            **{name: of_budget.get(_name(row), empty)[name] for name in _WINDOW},
            "risk": risk(row["state"], row["probability"]),
            "is_alerting": _name(row) in alerting,
        }
        for row in rows
    ]
    upsert(connection, sli_latest, {name: [row[name] for row in whole] for name in whole[0]})


def forget_latest(connection: Connection, sla_name: str, kept: Sequence[str] = ()) -> None:
    """Takes away the rows of SLIs that an SLA has no more."""
    gone = sli_latest.c.sla_name == sla_name
    connection.execute(delete(sli_latest).where(gone, sli_latest.c.sli_name.not_in(kept)))


def risk(state: str, probability: float | None) -> float:
    """What lists are ordered by: 0 to 1 the probability, 2 more where the SLI is violated."""
    return (2.0 if state == _WORST else 0.0) + (probability or 0.0)


def _budget_windows(rows: Sequence[Row]) -> tuple[dict[SliName, Row], set[SliName]]:
    """The window that the budget of each SLI is of, and the SLIs that an alert of any window fires for."""
    found: dict[SliName, Row] = {}
    for row in rows:
        before = found.get(_name(row))
        if before is None or _rank(row) > _rank(before):
            found[_name(row)] = row
    return found, {_name(row) for row in rows if row["is_alerting"]}


def _rank(row: Row) -> tuple[bool, int]:
    return bool(row["is_calendar"]), int(row["window_minutes"])


def _name(row: Row) -> SliName:
    return row["sla_name"], row["sli_name"]


def _rows(columns: Columns, names: Sequence[str]) -> list[Row]:
    """Columns of lists or arrays, or of one value for all rows, as rows of these names."""
    lists = {name: _listed(columns[name]) for name in names if name in columns}
    n_rows = max((len(values) for values in lists.values() if values is not None), default=0)
    whole = {name: [columns.get(name)] * n_rows if lists.get(name) is None else lists[name] for name in names}
    return [dict(zip(names, values, strict=True)) for values in zip(*whole.values(), strict=True)]


def _listed(given: Any) -> list[Any] | None:
    if isinstance(given, list | tuple):
        return list(given)
    found = given.tolist() if hasattr(given, "tolist") else None
    return found if isinstance(found, list) else None
