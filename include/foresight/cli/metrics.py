"""Metrics as a file, and the tokens of scrapers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from foresight.cli.console import caller, console, reports_errors
from foresight.cli.console import table as new_table

tokens = typer.Typer(no_args_is_help=True, help="Tokens of scrapers.", rich_markup_mode=None)

TokenName = Annotated[str, typer.Argument(help="Its name, such as prometheus.")]


@reports_errors
def metrics(
    output: Annotated[
        Path | None,
        typer.Option(help="A file for node exporter's textfile collector; by default, print them."),
    ] = None,
    sla: Annotated[str | None, typer.Option(help="Only this SLA.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All SLIs, not only those that are not ok.")
    ] = False,
) -> None:
    """The newest statuses as metrics of Prometheus."""
    from foresight.services.metrics import Wanted, exposition, write_textfile
    from foresight.wiring.connections import results

    wanted = Wanted(sla, has_all=everything)
    if output is None:
        text = exposition(results(), wanted)
        console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True, end="")
        return
    console.print(f"{output}: {write_textfile(results(), output, wanted)} bytes", highlight=False)


@tokens.command("make")
@reports_errors
def make(name: TokenName) -> None:
    """Prints a new token; the one of before of this name opens nothing any more."""
    from foresight.services import scrape_tokens
    from foresight.wiring.connections import results

    token = scrape_tokens.make(results(), name, by=caller(), at=int(time.time()))
    console.print(token, markup=False, highlight=False, soft_wrap=True)


@tokens.command("list")
@reports_errors
def list_() -> None:
    """Shows which tokens there are."""
    from foresight.services import scrape_tokens
    from foresight.wiring.connections import results

    shown = new_table("name", "made", "by")
    for row in scrape_tokens.list_tokens(results()):
        shown.add_row(row["name"], f"{row['created_at']:%Y-%m-%d %H:%M}", row["created_by"])
    console.print(shown)


@tokens.command("revoke")
@reports_errors
def revoke(name: TokenName) -> None:
    """Takes a token away."""
    from foresight.services import scrape_tokens
    from foresight.wiring.connections import results

    scrape_tokens.revoke(results(), name)
    console.print(f"{name} is revoked", highlight=False)
