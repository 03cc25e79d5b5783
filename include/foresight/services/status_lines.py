"""Statuses of SLIs as lines: what a list of them shows, however it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foresight.grid import whole_seconds
from foresight.sla.definitions import Sli
from foresight.sla.states import State
from foresight.sla.status import SlaStatus, SliStatus


@dataclass(frozen=True, slots=True)
class WindowLine:
    """A window of an indicator, as much of it as a line shows."""

    minutes: int
    violated: int
    missing: int
    budget_left: float
    below_one_slot: bool
    unit: str = "minutes"
    """What the budget is counted in: ``minutes`` or ``events``."""


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One indicator in the table; what is unknown is None. Instants are epoch seconds."""

    sla: str
    sli: Sli
    as_of: int
    state: State
    n_series: int
    value: float | None
    slot: int | None
    probability: float | None
    first_slot: int | None
    windows: tuple[WindowLine, ...]


def lines_of(statuses: Iterable[SlaStatus]) -> list[StatusLine]:
    """The lines of statuses that were just evaluated."""
    return [_line(sla, sli) for sla in statuses for sli in sla.slis]


def lines_from_rows(
    slis: Mapping[tuple[str, str], Sli],
    status: Iterable[Mapping[str, Any]],
    window: Iterable[Mapping[str, Any]],
) -> list[StatusLine]:
    """The lines of stored rows of ``sli_status`` and ``sli_window`` at one as-of.

    ``slis`` are the definitions by SLA and SLI; rows of an SLI that is not among them are left out.
    """
    windows: dict[tuple[str, str], list[WindowLine]] = {}
    for row in sorted(window, key=lambda row: row["window_minutes"]):
        unit = "minutes" if row["budget_left_minutes"] is not None else "events"
        line = WindowLine(
            row["window_minutes"],
            row["n_violated"],
            row["n_missing"],
            row[f"budget_left_{unit}"],
            bool(row["is_budget_below_one_slot"]),
            unit,
        )
        windows.setdefault((row["sla_name"], row["sli_name"]), []).append(line)
    return [
        StatusLine(
            sla=row["sla_name"],
            sli=slis[name],
            as_of=whole_seconds(row["as_of"]),
            state=State(row["state"]),
            n_series=row["n_series"],
            value=row["current_value"],
            slot=whole_seconds(row["current_slot"]) if row["current_slot"] is not None else None,
            probability=row["probability"],
            first_slot=whole_seconds(row["expected_first_slot"])
            if row["expected_first_slot"] is not None
            else None,
            windows=tuple(windows.get(name, ())),
        )
        for row in status
        for name in [(row["sla_name"], row["sli_name"])]
        if name in slis
    ]


def _line(sla: SlaStatus, status: SliStatus) -> StatusLine:
    current = status.worst.current if status.worst else None
    risk = status.worst.risk if status.worst else None
    return StatusLine(
        sla=sla.sla.name,
        sli=status.sli,
        as_of=sla.as_of,
        state=status.state,
        n_series=len(status.series),
        value=current.value if current else None,
        slot=current.slot if current else None,
        probability=risk.probability if risk else None,
        first_slot=risk.first_slot if risk else None,
        windows=tuple(
            WindowLine(w.minutes, w.violated, w.missing, w.budget_left, w.below_one_slot, w.unit)
            for w in status.windows
        ),
    )
