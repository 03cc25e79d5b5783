"""Slice capacity: replay files, load configuration, and decide which model is in use."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from foresight.cli import slice_tables
from foresight.cli.console import caller, console, escape, reports_errors
from foresight.cli.console import table as new_table

if TYPE_CHECKING:
    from rich.table import Table

    from foresight.services.slices.status import SliceStatus

COLUMNS: Final = (
    "slice", "gNB-CU", "cell", "period", "outcome", "configured", "raw", "capped", "final", "rule", "message",
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
app.add_typer(slice_tables.app)

File = Annotated[Path, typer.Argument(help="A table (.xlsx, .csv, .parquet) or events (.json, .jsonl).")]
TargetName = Literal["reference", "forward"]
Aim = Annotated[TargetName, typer.Option(help="What the model answers.")]
Slice = Annotated[str, typer.Option(help="The slice of a wide table, which does not name it.")]
Unit = Annotated[str, typer.Option(help="The gNB-CU of a wide table, which does not name it.")]
Start = Annotated[
    int, typer.Option(min=0, help="Start of a wide table's first period, epoch seconds; 0: it ends now.")
]


@app.command("replay")
@reports_errors
def replay(
    file: File,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish/--dry-run", help="Send it to the topic; by default only show what it would do."
        ),
    ] = False,
    target: Aim = "reference",
    snssai: Slice = "01-B989BD",
    cu: Unit = "cucpserver1",
    start: Start = 0,
    ends_now: Annotated[
        bool, typer.Option("--ends-now", help="Move all times so that the last period ends now.")
    ] = False,
) -> None:
    """Performance data of a file through the chain: read, predict, guard; with --publish for real."""
    from foresight.services.slices import replay as slice_replay
    from foresight.services.slices.options import DecisionOptions
    from foresight.slices.targets import Target
    from foresight.wiring.connections import kafka_config, results

    named = {"snssai": snssai, "cu": cu, "start": start}
    if publish:
        sent = slice_replay.send(
            results(), kafka_config(), file, int(time.time()), ends_now=ends_now, **named
        )
        console.print(f"{sent.n_messages} events sent, {sent.n_configured} limits loaded", highlight=False)
        return
    found = slice_replay.rehearse(results(), file, DecisionOptions(Target(target)), **named)
    table = new_table(box=None, show_header=False)
    for name, value in found.lines():
        table.add_row(name, value)
    console.print(table)


@app.command("simulate")
@reports_errors
def simulate(
    file: Annotated[
        Path, typer.Argument(help="A table (.xlsx, .csv, .parquet) or events (.jsonl) to write.")
    ],
    cells: Annotated[int, typer.Option(min=1, max=100_000, help="Cells, ten a gNB-CU.")] = 10,
    periods: Annotated[int, typer.Option(min=1, max=1_000_000, help="Periods of a quarter of an hour.")] = 96,
    daily: Annotated[
        bool, typer.Option("--daily/--white-noise", help="With a daily course, or without any structure.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same data.")] = 0,
    snssai: Slice = "01-B989BD",
) -> None:
    """Make performance data after the published law, the last period ending now."""
    from foresight.services.slices.history import check_size
    from foresight.slices import recording
    from foresight.slices.replay import write_recording

    check_size(cells, periods)
    start = int(time.time()) - recording.GRANULARITY_SECONDS * periods
    made = recording.simulate(cells, periods, seed, daily=daily, start=start, snssai=snssai)
    write_recording(made.ending(int(time.time())), file)
    console.print(f"{cells} cells over {periods} periods", highlight=False)


@app.command("configure")
@reports_errors
def configure(
    file: Annotated[Path, typer.Option("-f", "--file", help="CSV: snssai, cu, cell, maxNumberOfConns.")],
) -> None:
    """Make the configured limits of a CSV file hold, where there is no configuration service."""
    from foresight.services.slices.configuration import load_file
    from foresight.wiring.connections import results

    n, changed = load_file(results(), file, int(time.time()))
    console.print(f"{n} limits, {changed} of them new or changed", highlight=False)


@app.command("import-model")
@reports_errors
def import_model(
    file: Annotated[Path, typer.Argument(help="A Keras HDF5 file (.h5), or a model file of ours.")],
    data: Annotated[Path, typer.Option(help="Table to fit the scaler on and to judge by.")],
    target: Aim = "reference",
    split: Annotated[Literal["time", "stacked"], typer.Option(help="Newest tenth, or last cells.")] = "time",
) -> None:
    """Register a published model as a candidate, with its verdict on held-out rows."""
    from foresight.services.slices import models as slice_models
    from foresight.slices.replay import read_recording
    from foresight.slices.targets import Target
    from foresight.wiring.connections import results

    version, trained = slice_models.import_file(
        results(),
        file,
        read_recording(data),
        target=Target(target),
        split=split,
        at=int(time.time()),
        by=caller(),
    )
    console.print(f"{version}: {trained.verdict.reason}", markup=False, highlight=False)


@app.command("models")
@reports_errors
def models(
    history: Annotated[TargetName | None, typer.Option(help="Show the changes of a target instead.")] = None,
) -> None:
    """Every model, which one is in use, and how it was judged."""
    from foresight.services.slices import models as slice_models
    from foresight.slices.targets import Target
    from foresight.wiring.connections import results

    if history is not None:
        table = new_table("when", "version", "action", "by", "why", box=None)
        for row in slice_models.list_changes(results(), Target(history)):
            when = f"{row['changed_at']:%Y-%m-%d %H:%M}"
            table.add_row(
                when, row["version"], row["action"], escape(row["changed_by"]), escape(row["reason"])
            )
    else:
        table = new_table("version", "target", "state", "registered", "source", "verdict", box=None)
        for row in slice_models.list_models(results()):
            when = f"{row['registered_at']:%Y-%m-%d %H:%M}"
            facts = (row["version"], row["target"], row["state"], when)
            table.add_row(*facts, escape(row["source"]), escape(row["reason"]))
    console.print(table)


@app.command("promote")
@reports_errors
def promote(
    version: Annotated[str, typer.Argument(help="Version, or its first characters.")],
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "by hand",
) -> None:
    """Put a model to use."""
    from foresight.services.slices import models as slice_models
    from foresight.wiring.connections import results

    before = slice_models.promote(results(), version, at=int(time.time()), by=caller(), reason=reason)
    console.print(f"{version} is in use; before: {before or 'itself or none'}", highlight=False, markup=False)


@app.command("rollback")
@reports_errors
def rollback(
    target: Aim = "reference",
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "by hand",
    expected: Annotated[
        str | None, typer.Option(help="Version in use; with another, nothing is done.")
    ] = None,
) -> None:
    """Go back to the model that was in use before."""
    from foresight.services.slices import models as slice_models
    from foresight.slices.targets import Target
    from foresight.wiring.connections import results

    bad, good = slice_models.roll_back(
        results(), Target(target), at=int(time.time()), by=caller(), reason=reason, expected=expected
    )
    console.print(f"{good} is in use again instead of {bad}", highlight=False, markup=False)


@app.command("status")
@reports_errors
def status(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most lines.")] = 50,
) -> None:
    """The newest decision on each cell: what was configured, predicted and decided, and by which rule."""
    from foresight.services.slices.status import slice_status
    from foresight.wiring.connections import results

    found = slice_status(results(), limit)
    console.print(decisions(found))
    if found.n_more:
        console.print(f"… and {found.n_more} more; raise --limit")
    summary = (
        f"{found.n_cells} cells, {found.n_measurements} measurements, {found.n_dead_letters} dead letters, "
        f"read up to {found.n_messages_read} messages"
    )
    console.print(summary, highlight=False, markup=False)


def decisions(found: SliceStatus, without: Collection[str] = ()) -> Table:
    """Decisions on cells as a table, without some of its columns."""
    shown = [number for number, name in enumerate(COLUMNS) if name not in without]
    table = new_table(*(COLUMNS[number] for number in shown), box=None)
    for row in found.rows:
        cells = _cells(row)
        table.add_row(*(escape(cells[number]) for number in shown))
    return table


def _cells(row: dict[str, Any]) -> list[str]:
    values = (row[name] for name in ("configured", "raw", "capped", "final"))
    numbers = ["–" if value is None else f"{value:.5g}" for value in values]
    message = (row["state"] or "not announced") if row["is_sent"] else "–"
    when = f"{row['period_start']:%Y-%m-%d %H:%M}"
    return [row["snssai"], row["cu"], row["cell"], when, row["outcome"], *numbers, row["rule"], message]
