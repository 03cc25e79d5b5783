"""SLAs: lint and apply files, list, show, status, delete, export; planned downtime."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from foresight.cli.console import caller, console, data, errors, escape, print_json, reports_errors
from foresight.cli.console import table as new_table
from foresight.errors import NotFound

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
Files = Annotated[list[Path], typer.Option("-f", "--file", help="A YAML file, or a folder of them.")]
Name = Annotated[str, typer.Argument(help="Name of the SLA.")]


@app.command("apply")
@reports_errors
def apply(
    file: Files,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove SLIs of these SLAs that no file has any more.")
    ] = False,
) -> None:
    """Make the SLAs of these files active as they are written; others stay as they are."""
    from foresight.services import slas
    from foresight.wiring.connections import results
    from foresight.wiring.settings import catalogue

    if dry_run:
        done, _ = slas.check(results(), catalogue(), file, prune=prune)
    else:
        done = slas.apply(results(), catalogue(), file, by=caller(), at=int(time.time()), prune=prune)
    for note in done.notes:
        errors.print(str(note), style="yellow", markup=False, highlight=False, soft_wrap=True)
    for each in done.differences:
        word = "checked" if dry_run else "applied" if each.is_changed else "unchanged"
        text = f"{each.sla.name} {each.sla.revision}: {word}, {len(each.sla.slis)} SLIs"
        console.print(text, markup=False, highlight=False)
        for sign, names in (("+", each.added), ("~", each.changed), ("-", each.removed)):
            for name in names if not each.is_new else ():
                console.print(f"  {sign} {name}", markup=False, highlight=False)
        if each.kept:
            text = f"  = {', '.join(each.kept)}: kept, no file has them; --prune removes them"
            console.print(text, markup=False, highlight=False)
    _print_counts(done)
    for target in done.targets:
        console.print(
            f"target {target}: {'checked' if dry_run else 'applied'}", markup=False, highlight=False
        )


def _print_counts(done: Any) -> None:
    """How many series each SLI that is new or changed matches now, where the telemetry answers."""
    from foresight.cli.sla_table import count_lines
    from foresight.errors import ForesightError
    from foresight.services.series_counts import Counted, count_series
    from foresight.wiring.connections import open_telemetry
    from foresight.wiring.settings import catalogue

    slas = [each.sla for each in done.differences if each.is_changed]
    if not slas:
        return
    try:
        found = count_series(open_telemetry(is_quick=True), catalogue(), slas, int(time.time()))
    except NotFound:  # no connection: a check without servers
        return
    except ForesightError as error:
        found = Counted(lacking=str(error))
    for line in count_lines(slas, found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if found.lacking:
        text = f"not all series were counted: {found.lacking}"
        errors.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


@app.command("lint")
@reports_errors
def lint(file: Annotated[list[Path], typer.Argument(help="YAML files, or folders of them.")]) -> None:
    """Check files without any connection: what is wrong with them, and what has no counterpart here."""
    from foresight.errors import InvalidDocument
    from foresight.sla.files import lint as lint_files

    found = lint_files(file)
    for note in found.notes:
        errors.print(str(note), style="yellow", markup=False, highlight=False, soft_wrap=True)
    if found.mistakes:
        raise InvalidDocument(list(found.mistakes))
    slas, targets = found.definitions.slas, found.definitions.targets
    n_slis = sum(len(sla.slis) for sla in slas)
    if not slas and not targets:
        raise NotFound(f"there is no SLA in {', '.join(map(str, file))}")
    text = f"{len(slas)} SLAs with {n_slis} SLIs, {len(targets)} targets: nothing is wrong"
    console.print(text, markup=False, highlight=False)


@app.command("list")
@reports_errors
def list_slas() -> None:
    """Every active SLA."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    table = new_table("SLA", "owner", "SLIs", "revision", "description", box=None)
    found = slas.list_slas(results())
    for sla in found.readable:
        facts = (sla.name, sla.owner, str(len(sla.slis)), sla.revision, sla.description)
        table.add_row(*map(escape, facts))
    console.print(table)
    warn_of(found.unreadable)


@app.command("show")
@reports_errors
def show(name: Name) -> None:
    """One SLA with its SLIs."""
    from foresight.durations import duration_text
    from foresight.services import slas
    from foresight.wiring.connections import results

    sla = slas.get_sla(results(), name)
    text = f"{sla.name} {sla.revision}, owner {sla.owner or '–'}: {sla.description}"
    console.print(text, markup=False, highlight=False)
    table = new_table("SLI", "series", "min", "max", "objective", "windows", box=None)
    for sli in sla.slis:
        bounds = _bounds(sli)
        windows = ", ".join(
            [*map(duration_text, sli.windows), *([str(sli.calendar)] if sli.calendar else [])]
        )
        table.add_row(escape(sli.name), escape(sli.selector), *bounds, f"{sli.objective:.6g}", windows)
    console.print(table)


@app.command("export")
@reports_errors
def export(name: Annotated[list[str] | None, typer.Argument(help="Names; all by default.")] = None) -> None:
    """SLAs as OpenSLO v1 documents."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    text, unreadable = slas.export(results(), name or ())
    warn_of(unreadable)
    typer.echo(text, nl=False, file=data())


@app.command("delete")
@reports_errors
def delete(name: Name) -> None:
    """Delete an SLA; its statuses stay until retention removes them."""
    from foresight.services import slas
    from foresight.wiring.connections import results

    slas.delete(results(), name, by=caller(), at=int(time.time()))
    console.print(f"{name}: deleted", markup=False)


@app.command("status")
@reports_errors
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the SLA; all of them by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The stored rows as JSON.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each probability rests on.")] = False,
    watch: Annotated[
        int | None, typer.Option("--watch", min=1, help="Show it again each so many seconds, until Ctrl-C.")
    ] = None,
) -> None:
    """The newest status of every SLI: state, past violations, budget, and the risk of the next minutes."""
    try:
        _show_status(name, json=json, explain=explain)
        while watch is not None:
            time.sleep(watch)
            if not json:
                console.clear()  # which does nothing where there is no terminal
            _show_status(name, json=json, explain=explain)
    except KeyboardInterrupt:
        if watch is None:
            raise


def _show_status(name: str | None, *, json: bool, explain: bool) -> None:
    from foresight.cli.sla_table import status_table
    from foresight.services import slas
    from foresight.wiring.connections import results

    found = slas.status(results(), name)
    warn_of(found.unreadable)
    if not found.rows:
        raise NotFound("no status is stored yet: sla_evaluation writes them after telemetry_analysis")
    if json:
        print_json(found.rows)
    else:
        console.print(status_table(found.lines))
    if explain and not json:
        from foresight.services.explanations import explain_status

        for each in explain_status(results(), name):
            said = "no probability" if each.probability is None else f"{each.probability:.1%}"
            head = f"{each.sla} · {each.sli}, next {each.horizon_minutes} min: {said} ({each.calibrator})"
            lines = [head, *(f"  {sentence}" for sentence in each.sentences)]
            console.print("\n".join(lines), markup=False, highlight=False)


downtime = typer.Typer(no_args_is_help=True, help="Planned downtime: its slots are in no budget.")
app.add_typer(downtime, name="downtime")


@downtime.command("add")
@reports_errors
def add_downtime(
    name: Annotated[str, typer.Argument(help="Name of the planned downtime.")],
    start: Annotated[str, typer.Option("--start", help="Start of the first one: 2026-01-31T22:00:00Z.")],
    length: Annotated[str, typer.Option("--for", help="How long each lasts: 2h.")],
    sla: Annotated[str | None, typer.Option("--sla", help="The SLA that it is of.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="label=value that SLAs must have; may be repeated.")
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="RFC 5545 rule: FREQ=WEEKLY;BYDAY=SU.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="Time zone that the rule repeats in.")] = "UTC",
    description: Annotated[str, typer.Option("--description", help="Why.")] = "",
) -> None:
    """Plan downtime, in the past too: hours that it covers are counted anew by the next evaluation."""
    from foresight.services import maintenance
    from foresight.wiring.connections import results

    window = maintenance.window_from_text(name, start, length, sla, label or (), rule, zone, description)
    is_new = maintenance.add(results(), window, by=caller(), at=int(time.time()))
    console.print(f"{name}: {'added' if is_new else 'unchanged'}", markup=False, highlight=False)


@downtime.command("list")
@reports_errors
def list_downtime() -> None:
    """All planned downtime."""
    from foresight.durations import duration_text
    from foresight.instants import iso
    from foresight.services import maintenance
    from foresight.wiring.connections import results

    table = new_table("name", "of", "start", "for", "rule", "zone", "description", box=None)
    for each in maintenance.list_downtime(results()):
        of = each.sla or ", ".join(f"{label}={value}" for label, value in each.labels)
        length = duration_text(each.seconds // 60)
        facts = (each.name, of, iso(each.starts_at), length, each.rule, each.zone, each.description)
        table.add_row(*map(escape, facts))
    console.print(table)


@downtime.command("delete")
@reports_errors
def delete_downtime(name: Annotated[str, typer.Argument(help="Name of the planned downtime.")]) -> None:
    """Delete planned downtime: what it excluded counts again."""
    from foresight.services import maintenance
    from foresight.wiring.connections import results

    maintenance.delete(results(), name, by=caller(), at=int(time.time()))
    console.print(f"{name}: deleted", markup=False)


def warn_of(unreadable: dict[str, str]) -> None:
    """Says on standard error which SLAs cannot be read, and why."""
    for name, reason in unreadable.items():
        errors.print(f"SLA {name} cannot be read: {reason}", style="yellow", markup=False, highlight=False)


def _bounds(sli: Any) -> list[str]:
    if sli.ratio is not None:
        return [f"{sli.slice_target:g}", "1"]
    return ["open" if bound is None else f"{bound:g}" for bound in (sli.lower, sli.upper)]
