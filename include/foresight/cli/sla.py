"""SLAs: apply files, list, show, status, delete, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from foresight.cli.console import caller, console, told
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
    """Make the SLAs of these files stand as they are written; others stay as they are."""
    from foresight.orchestration.sla import definitions as slas

    for sla, is_new in slas.apply(file, by=caller(), at=int(time.time()), dry_run=dry_run):
        change = "checked" if dry_run else "applied" if is_new else "stood already"
        text = f"{sla.name} {sla.revision}: {change}, {len(sla.slis)} SLIs"
        console.print(text, markup=False, highlight=False)


@app.command("list")
@told
def list_slas() -> None:
    """Every SLA that stands."""
    from foresight.orchestration.sla import definitions as slas

    table = Table("SLA", "owner", "SLIs", "revision", "description", box=None)
    for sla in slas.standing():
        facts = (sla.name, sla.owner, str(len(sla.slis)), sla.revision, sla.description)
        table.add_row(*map(escape, facts))
    console.print(table)


@app.command("show")
@told
def show(name: Name) -> None:
    """One SLA as it stands."""
    from foresight.orchestration.sla import definitions as slas

    sla = slas.one(name)
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
    from foresight.orchestration.sla import definitions as slas
    from foresight.sla.openslo_export import openslo_text

    chosen = [slas.one(each) for each in name] if name else slas.standing()
    typer.echo(openslo_text(chosen), nl=False)


@app.command("delete")
@told
def delete(name: Name) -> None:
    """Take an SLA away; its statuses stay until retention takes them."""
    from foresight.orchestration.sla import definitions as slas

    slas.delete(name, by=caller(), at=int(time.time()))
    console.print(f"{name}: deleted", markup=False)


@app.command("status")
@told
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the SLA; all of them by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The stored rows as JSON.")] = False,
) -> None:
    """The newest status of every SLI: state, past violations, budget, and the risk of the next minutes."""
    from foresight.orchestration.sla import definitions as slas
    from foresight.sla.tables import status_table

    found = slas.status(name)
    if not found.rows:
        raise NotFound("no status is stored yet: sla_evaluation writes them after telemetry_analysis")
    if json:
        _print_json(found.rows)
    else:
        console.print(status_table(found.lines))


def _print_json(rows: Any) -> None:
    import orjson

    console.print_json(orjson.dumps(rows).decode())
