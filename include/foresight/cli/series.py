"""Series: list what is stored, show what the newest run found out about one."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Annotated, Any

import typer

from foresight.cli.console import console, data, escape, reports_errors
from foresight.cli.console import table as new_table

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)


@app.command("list")
@reports_errors
def list_stored(
    metric: Annotated[str | None, typer.Argument(help="Name of a metric; all of them by default.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most lines.")] = 50,
) -> None:
    """Stored series with the newest outcome, forecast model and error of each."""
    from foresight.services.series import list_series
    from foresight.wiring.connections import results

    found = list_series(results(), metric, limit)
    table = new_table("id", "series", "last seen", "outcome", "model", "MASE", box=None)
    for row in found.rows:
        mase = "–" if row["mase"] is None else f"{row['mase']:.2f}"
        seen = f"{row['last_seen']:%Y-%m-%d %H:%M}" if row["last_seen"] else "never"
        facts = (row["outcome"] or "–", row["model"] or "–", mase)
        table.add_row(str(row["series_id"]), escape(row["series"]), seen, *facts)
    console.print(table)
    if found.n_more:
        console.print(f"… and {found.n_more} more; name a metric, or raise --limit")


@app.command("show")
@reports_errors
def show(series_id: Annotated[int, typer.Argument(help="Id of the series, see `series list`.")]) -> None:
    """Outcome, stationarity, aggregates and forecast of one series at its newest as-of."""
    from foresight.services.series import get_series
    from foresight.wiring.connections import results

    found = get_series(results(), series_id)
    console.print(found.name, markup=False, highlight=False, style="bold")
    facts = new_table(box=None, show_header=False)
    for name, value in found.analysis.items():
        facts.add_row(name, "–" if value is None else escape(f"{value}"))
    console.print(facts)
    for title, rows in (("Aggregates", found.aggregates), ("Forecast", found.forecast)):
        table = new_table(*(rows[0] if rows else ()), title=title, title_justify="left", box=None)
        for row in rows:
            table.add_row(*map(_cell, row.values()))
        console.print(table)


@app.command("curves")
@reports_errors
def curves(series_id: Annotated[int, typer.Argument(help="Id of the series, see `series list`.")]) -> None:
    """Decomposition and Hodrick-Prescott of one series over its newest window, as CSV.

    The smoothness is that of the catalogue, also where a run was given an hp_lambda of its own.
    """
    from foresight.services.series import series_curves
    from foresight.wiring.connections import results
    from foresight.wiring.settings import catalogue

    columns = series_curves(results(), catalogue(), series_id)
    writer = csv.writer(data())
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow("" if value != value else value for value in row)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%H:%M}"
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else escape(str(value))
