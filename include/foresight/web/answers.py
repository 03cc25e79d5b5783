"""What answers about SLAs hold, beside rows of tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from foresight.store.tables import sli_status, sli_window
from foresight.web.fields import Identity, Shown, row_model


def _without(table: Any, *names: str) -> tuple[Any, ...]:
    return tuple(column for column in table.c if column.name not in names)


WindowRow = row_model("Window", _without(sli_window, "violations", "sla_name", "as_of"))
SliRow = row_model("SliStatus", _without(sli_status, "sla_name", "as_of", "revision", "details", "predicted"))


class SliView(SliRow):  # type: ignore[misc, valid-type] # made from the table
    """An SLI at an as-of, with its windows."""

    reasons: list[str] = Field(description="Facts that make its state")
    windows: list[WindowRow] = Field(description="Its windows, the shortest first")  # type: ignore[valid-type] # as above


class SlaStatusView(Shown):
    """An SLA at an as-of."""

    sla_name: str
    as_of: datetime
    state: str
    revision: str
    slis: list[SliView]


class ViolationView(Shown):
    """One run of violated slots; its first and its last slot, both included."""

    start: datetime
    end: datetime
    worst: float | None = Field(description="The worst value")
    series: Identity | None = Field(description="Id of the series; null for what is computed from several")


class ViolationWindow(Shown):
    """The violations of one window."""

    window_minutes: int
    n_violated: int
    n_violations: int = Field(description="Violations of all series")
    is_list_cut: bool = Field(description="Whether not all of them are listed")
    violations: list[ViolationView]
    violated_slots: list[datetime] = Field(description="Ends of the violated slots, of any series")


class ViolationsView(Shown):
    """The violations of an SLI by window."""

    sla_name: str
    sli_name: str
    as_of: datetime
    windows: list[ViolationWindow]


class MinuteView(Shown):
    """One slot ahead."""

    slot: datetime
    mean: float | None = Field(description="Forecast of the worst series")
    low: float | None = Field(description="Its 5 % quantile")
    high: float | None = Field(description="Its 95 % quantile")
    is_expected_violated: bool
    probability: float | None = Field(description="That the slot leaves the bounds; null where not expected")


class OutlookView(Shown):
    """The coming minutes of an SLI."""

    sla_name: str
    sli_name: str
    as_of: datetime
    probability: float | None = Field(description="That any slot of the horizon leaves the bounds")
    expected_first_slot: datetime | None
    expected_violated_minutes: float | None
    expected_cost: float | None
    model: str | None
    minutes: list[MinuteView]


class NoteView(Shown):
    """Something in a document that has no counterpart here."""

    line: int
    field: str
    reason: str


class ValidView(Shown):
    """A document that can be applied."""

    slas: list[str]
    notes: list[NoteView]


class AppliedSla(Shown):
    """What became of one SLA."""

    name: str
    is_new: bool
    is_changed: bool
    added: list[str]
    changed: list[str]
    removed: list[str]
    kept: list[str]


class ImportedView(Shown):
    """What an import changed."""

    slas: list[AppliedSla]
    targets: list[str]
    notes: list[NoteView]
