"""SLAs: apply files, list, show, status, delete, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from foresight.cli.console import caller, console, errors, told
from foresight.errors import NotFound
from foresight.sla.durations import duration_text

app = typer.Typer(no_args_is_help=True, help=__doc__)
Files = Annotated[list[Path], typer.Option("-f", "--file", help="A YAML file, or a folder of them.")]
Name = Annotated[str, typer.Argument(help="Name of the SLA.")]


@app.command("apply")
@told
def apply(
    file: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files, change nothing.")] = False,
) -> None:
    """Make the SLAs of these files active as they are written; others stay as they are."""
    from foresight.services import slas
    from foresight.wiring.connections import results
    from foresight.wiring.settings import catalogue

    if dry_run:
        done = [(sla, "checked") for sla in slas.check_files(results(), catalogue(), file)]
    else:
        applied = slas.apply(results(), catalogue(), file, by=caller(), at=int(time.time()))
        done = [(each.sla, "applied" if each.is_new else "unchanged") for each in applied]
    for sla, change in done:
        text = f"{sla.name} {sla.revision}: {change}, {len(sla.slis)} SLIs"
        console.print(text, markup=False, highlight=False)


@app.command("list")
@told
def list_slas() -> None:
    """Every active SLA."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    table = Table("SLA", "owner", "SLIs", "revision", "description", box=None)
    found = slas.list_slas(results())
    for sla in found.readable:
        facts = (sla.name, sla.owner, str(len(sla.slis)), sla.revision, sla.description)
        table.add_row(*map(escape, facts))
    console.print(table)
    warn_of(found.unreadable)


@app.command("show")
@told
def show(name: Name) -> None:
    """One SLA with its SLIs."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    sla = slas.get_sla(results(), name)
    text = f"{sla.name} {sla.revision}, owner {sla.owner or '–'}: {sla.description}"
    console.print(text, markup=False, highlight=False)
    table = Table("SLI", "series", "min", "max", "objective", "windows", box=None)
    for sli in sla.slis:
        bounds = ["open" if bound is None else f"{bound:g}" for bound in (sli.lower, sli.upper)]
        windows = ", ".join(duration_text(minutes) for minutes in sli.windows)
        table.add_row(escape(sli.name), escape(sli.selector), *bounds, f"{sli.objective:.6g}", windows)
    console.print(table)


@app.command("export")
@told
def export(name: Annotated[list[str] | None, typer.Argument(help="Names; all by default.")] = None) -> None:
    """SLAs as OpenSLO v1 documents."""
    from foresight.services import slas
    from foresight.sla.openslo_export import openslo_text
    from foresight.wiring.connections import results

    found = slas.list_slas(results())
    warn_of(found.unreadable)
    typer.echo(openslo_text(found.choose(name or ())), nl=False)


@app.command("delete")
@told
def delete(name: Name) -> None:
    """Delete an SLA; its statuses stay until retention removes them."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    slas.delete(results(), name, by=caller(), at=int(time.time()))
    console.print(f"{name}: deleted", markup=False)


@app.command("status")
@told
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the SLA; all of them by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The stored rows as JSON.")] = False,
) -> None:
    """The newest status of every SLI: state, past violations, budget, and the risk of the next minutes."""
    from foresight.cli.sla_table import status_table
    from foresight.services import slas
    from foresight.wiring.connections import results

    found = slas.status(results(), name)
    warn_of(found.unreadable)
    if not found.rows:
        raise NotFound("no status is stored yet: sla_evaluation writes them after telemetry_analysis")
    if json:
        _print_json(found.rows)
    else:
        console.print(status_table(found.lines))


def warn_of(unreadable: dict[str, str]) -> None:
    """Says on standard error which SLAs cannot be read, and why."""
    for name, reason in unreadable.items():
        errors.print(f"SLA {name} cannot be read: {reason}", style="yellow", markup=False, highlight=False)


def _print_json(rows: Any) -> None:
    import orjson

    console.print_json(orjson.dumps(rows).decode())
