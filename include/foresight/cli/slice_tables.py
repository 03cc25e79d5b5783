"""What people say of slices: limits, cells, bounds, active slices, holds; loaded from files and listed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresight.cli.console import caller, console, escape, reports_errors
from foresight.cli.console import table as new_table

if TYPE_CHECKING:
    from foresight.services.slices.forms import Form

app = typer.Typer(rich_markup_mode=None)


@app.command("limits")
@reports_errors
def limits(
    snssai: Annotated[str, typer.Option(help="Only those of this slice.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most lines.")] = 100,
) -> None:
    """The configured limit that holds of each slice in each cell, who said so, and when."""
    from foresight.services.slices import inventory
    from foresight.slices.identifiers import normal_form
    from foresight.wiring.connections import results

    rows = inventory.list_limits(results())
    rows = [row for row in rows if not snssai or row.snssai == normal_form(snssai)]
    table = new_table("slice", "gNB-CU", "cell", "connections", "since", "read", "source", box=None)
    for row in rows[:limit]:
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (row.since, row.read_at))
        named = (row.snssai, row.cu or "any", row.cell, str(row.connections), *times, row.source)
        table.add_row(*map(escape, named))
    console.print(table)
    console.print(f"{min(limit, len(rows))} of {len(rows)} limits", highlight=False)


TableFile = Annotated[
    Path | None, typer.Option("-f", "--file", help="CSV file to load; without, the table is listed.")
]


@app.command("cells")
@reports_errors
def cells(file: TableFile = None) -> None:
    """What is known of cells: cu, cell, cellLocalId, nearRTRICId, capacity over all slices."""
    from foresight.services.slices import inventory
    from foresight.wiring.connections import results

    if file is not None:
        n = inventory.load_cells(results(), file, int(time.time()))
        console.print(f"{n} cells", highlight=False)
        return
    _list(inventory.CELLS, inventory.list_cells(results()))


@app.command("bounds")
@reports_errors
def bounds(file: TableFile = None) -> None:
    """Between what limits capacity stays for good: snssai, cu, cell, floor, ceiling, anchor."""
    from foresight.services.slices import inventory
    from foresight.wiring.connections import results

    if file is not None:
        n = inventory.load_bounds(results(), file, int(time.time()))
        console.print(f"{n} bounds", highlight=False)
        return
    _list(inventory.BOUNDS, inventory.list_bounds(results()))


@app.command("active")
@reports_errors
def active(file: TableFile = None) -> None:
    """Which slices are managed: snssai, active. A slice that is not listed is."""
    from foresight.services.slices import inventory
    from foresight.wiring.connections import results

    if file is not None:
        n = inventory.load_statuses(results(), file, int(time.time()))
        console.print(f"{n} slices", highlight=False)
        return
    _list(inventory.STATUSES, inventory.list_statuses(results()))


def _list(form: Form, rows: Sequence[Any]) -> None:
    table = new_table(*(column.name for column in form), "source", box=None)
    for row in rows:
        values = [getattr(row, column.stored_as) for column in form]
        shown = ["–" if value in (None, "") else str(value) for value in values]
        table.add_row(*map(escape, shown), escape(row.source))
    console.print(table)


HeldSlice = Annotated[str, typer.Argument(help="The slice, in any spelling.")]
Why = Annotated[str, typer.Option(help="Why; it is recorded.")]
HeldUnit = Annotated[str, typer.Option("--cu", help="Only in this gNB-CU; all of them by default.")]
HeldCell = Annotated[str, typer.Option("--cell", help="Only in this cell; all of them by default.")]


@app.command("hold")
@reports_errors
def hold(snssai: HeldSlice, reason: Why, cu: HeldUnit = "", cell: HeldCell = "") -> None:
    """Keep the capacity of a slice as it is until it is released."""
    from foresight.services.slices import holds
    from foresight.wiring.connections import results

    is_new = holds.hold(results(), (snssai, cu, cell), at=int(time.time()), by=caller(), reason=reason)
    console.print(f"{snssai} is held" if is_new else f"{snssai} was held already", markup=False)


@app.command("release")
@reports_errors
def release(snssai: HeldSlice, reason: Why, cu: HeldUnit = "", cell: HeldCell = "") -> None:
    """Let the capacity of a slice be changed again."""
    from foresight.services.slices import holds
    from foresight.wiring.connections import results

    is_new = holds.release(results(), (snssai, cu, cell), at=int(time.time()), by=caller(), reason=reason)
    console.print(f"{snssai} is released" if is_new else f"{snssai} was released already", markup=False)


@app.command("holds")
@reports_errors
def list_holds() -> None:
    """Everything that somebody holds or has released: who, when, why."""
    from foresight.services.slices import holds
    from foresight.wiring.connections import results

    table = new_table("slice", "gNB-CU", "cell", "state", "since", "by", "why", box=None)
    for row in holds.list_holds(results()):
        named = (row.snssai, row.cu or "all", row.cell or "all")
        state, when = "held" if row.is_held else "released", f"{row.changed_at:%Y-%m-%d %H:%M}"
        table.add_row(*map(escape, named), state, when, escape(row.changed_by), escape(row.reason))
    console.print(table)
