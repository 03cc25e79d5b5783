"""Models: add files, deploy versions, go back, and score records."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresight.cli.console import caller, console, data, escape, reports_errors
from foresight.cli.console import table as new_table

if TYPE_CHECKING:
    from foresight.store.models import Change

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="Name of the model.")]
Reference = Annotated[str, typer.Argument(help="name@alias; a name alone means its champion.")]
Note = Annotated[str, typer.Option(help="Why: kept in the history.")]
Version = Annotated[int | None, typer.Option(min=1, help="Number of the version.")]
Expected = Annotated[
    int | None, typer.Option(min=1, help="Version that is deployed now; with another one nothing is changed.")
]
MappingText = Annotated[str | None, typer.Option("--mapping", help="Field mapping as JSON.")]


@app.command("add")
@reports_errors
def add(
    name: Name,
    file: Annotated[str, typer.Argument(help="Path or URI of the model file.")],
    kind: Annotated[
        str | None, typer.Option(help="pmml, onnx, sklearn or keras; by default what its ending says.")
    ] = None,
    note: Note = "",
) -> None:
    """Store a file as a version of a model; the same bytes again give the same version."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results
    from foresight.wiring.files import model_files

    added = models.add(results(), model_files(), name, file, _change(note), kind)
    what = "added" if added.is_new else "unchanged"
    console.print(
        f"{name} version {added.version}: {what}, SHA-256 {added.sha256}", highlight=False, markup=False
    )


@app.command("list")
@reports_errors
def list_models() -> None:
    """Every version of every model, and where it is deployed."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results

    versions, deployments = models.list_models(results())
    table = new_table("model", "version", "kind", "deployed as", "added", "by", "note", box=None)
    for row in versions:
        aliases = [d.alias for d in deployments if (d.name, d.version) == (row.name, row.version)]
        facts = (row.name, str(row.version), row.kind, ", ".join(aliases) or "–")
        table.add_row(*facts, f"{row.added_at:%Y-%m-%d %H:%M}", escape(row.added_by), escape(row.note))
    console.print(table)


@app.command("show")
@reports_errors
def show(name: Name) -> None:
    """Signature of the newest version, deployments with their defaults, and every change."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results

    found = models.get_model(results(), name)
    if found.versions:
        newest = found.versions[0]
        table = new_table(
            "input", "type", "mandatory", "values", title=escape(f"{name} {newest.version}"), box=None
        )
        for field in newest.signature["inputs"]:
            allowed = json.dumps(field["values"] or [[b["low"], b["high"]] for b in field["bounds"]])
            is_mandatory = "yes" if field["is_mandatory"] else "no"
            table.add_row(escape(field["name"]), field["data_type"], is_mandatory, escape(allowed))
        console.print(table)
        outputs = ", ".join(field["name"] for field in newest.signature["outputs"])
        console.print(f"outputs: {outputs}; file {newest.uri}", markup=False, highlight=False)
    for row in found.deployments:
        text = f"{name}@{row.alias}: version {row.version}, defaults {json.dumps(row.defaults)}"
        console.print(text, markup=False, highlight=False)
    table = new_table("when", "what", "version", "alias", "by", "note", box=None)
    for row in found.changes:
        facts = (f"{row.changed_at:%Y-%m-%d %H:%M}", row.action, str(row.version), row.alias or "–")
        table.add_row(*facts, escape(row.changed_by), escape(row.note))
    console.print(table)


@app.command("deploy")
@reports_errors
def deploy(
    name: Name,
    version: Version = None,
    alias: Annotated[str, typer.Option(help="What the deployment is called.")] = "champion",
    defaults: Annotated[
        str | None, typer.Option(help="JSON: field_mapping, bundle_size, … of runs that say nothing else.")
    ] = None,
    note: Note = "",
) -> None:
    """Deploy a version, by default the newest, under an alias; one that is in use is replaced."""
    from foresight.services.scoring import models
    from foresight.wiring.scoring import scoring

    wanted = None if defaults is None else _json(defaults, "--defaults", dict)
    number, action = models.deploy(
        scoring(), name, _change(note), version=version, alias=alias, defaults=wanted
    )
    console.print(f"{name}@{alias}: version {number} {action or 'unchanged'}", highlight=False, markup=False)


@app.command("rollback")
@reports_errors
def rollback(reference: Reference, note: Note = "", expected: Expected = None) -> None:
    """Deploy what was deployed before."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results

    bad, good = models.roll_back(results(), reference, _change(note), expected)
    console.print(f"{reference}: version {good} instead of {bad}", highlight=False, markup=False)


@app.command("undeploy")
@reports_errors
def undeploy(reference: Reference, note: Note = "", expected: Expected = None) -> None:
    """Take a deployment away; the version stays."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results

    version = models.undeploy(results(), reference, _change(note), expected)
    console.print(f"{reference}: version {version} undeployed", markup=False)


@app.command("delete")
@reports_errors
def delete(name: Name, version: Version = None, note: Note = "") -> None:
    """Delete a version, or the whole model; refused while it is deployed. The history stays."""
    from foresight.services.scoring import models
    from foresight.wiring.connections import results
    from foresight.wiring.files import model_files

    gone = models.delete(results(), model_files(), name, _change(note), version)
    console.print(f"{name}: deleted {', '.join(map(str, gone))}", highlight=False, markup=False)


@app.command("score")
@reports_errors
def score(
    reference: Reference,
    record: Annotated[str | None, typer.Option("--record", help="One record as JSON.")] = None,
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Records: .csv, .jsonl, .ndjson or .parquet.")
    ] = None,
    mapping: MappingText = None,
) -> None:
    """Score one record or a file: a line of JSON for each; fails if a single record is bad."""
    if (record is None) == (file is None):
        raise typer.BadParameter("give either --record or --file")
    if record is not None:
        from foresight.wiring.scoring import scoring

        found, bad = scoring().score(reference, [_json(record, "--record", object)], mapping)
        typer.echo(json.dumps(found[0]), file=data())
        raise typer.Exit(len(bad))
    assert file is not None  # noqa: S101 (checked above)
    from foresight.services.scoring.files import score_to
    from foresight.wiring.scoring import scoring

    load = score_to(scoring(), data().buffer, reference, file, mapping)
    typer.echo(f"{load.read} records: {load.good} good, {load.bad} bad", err=True)


@app.command("load-test")
@reports_errors
def load_test(
    reference: Reference,
    bundle_sizes: Annotated[str, typer.Option(help="Records a bundle, each tried.")] = "1,10,100,1000",
    workers: Annotated[str, typer.Option(help="Numbers of threads, each tried.")] = "1,2,5",
    senders: Annotated[
        str | None, typer.Option(help="The old name of --workers; goes with the next release.", hidden=True)
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time of one cell.")] = 2.0,
    error_share: Annotated[float, typer.Option(help="Share of the records that are made bad.")] = 0.05,
    file: Annotated[
        str | None, typer.Option("-f", "--file", help="Records; without, they are made from the signature.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="The deployment takes what is recommended.")] = True,
    plot: Annotated[Path | None, typer.Option(help="Where to write a plot of the figures, as SVG.")] = None,
) -> None:
    """Measure what a deployment bears, for each bundle size and number of workers."""
    from foresight.scoring.load_test import Cell, Grid
    from foresight.services.scoring.load_tests import run_load_test
    from foresight.wiring.scoring import scoring

    if senders is not None:
        typer.echo("--senders is called --workers now; the old name goes next release", err=True)
        workers = senders
    grid = Grid(_whole(bundle_sizes, "--bundle-sizes"), _whole(workers, "--workers"), seconds, error_share)
    change = _change("load test")

    def told_cell(cell: Cell) -> None:
        where = f"bundle size {cell.bundle_size}, {cell.workers} workers"
        typer.echo(f"{where}: {cell.records_per_second:,.0f} records/s", err=True)

    call = f"{change.by} {change.at} {uuid.uuid4().hex[:8]}"
    trace = ("model-load-test", call)
    found = run_load_test(scoring(), reference, grid, trace, change, file=file, keep=keep, on_cell=told_cell)
    table = new_table("bundle size", "workers", "records/s", "good", "bad", "p50 ms", "p99 ms", "", box=None)
    for cell in found.cells:
        mark = "← recommended" if cell == found.recommended else ""
        counts = (f"{cell.records_per_second:,.0f}", f"{cell.n_good:,}", f"{cell.n_bad:,}")
        waits = (f"{cell.latency_p50_ms:.2f}", f"{cell.latency_p99_ms:.2f}")
        table.add_row(str(cell.bundle_size), str(cell.workers), *counts, *waits, mark)
    console.print(table)
    kept = f"defaults of {reference}: {found.action or 'unchanged'}"
    console.print(kept, markup=False, highlight=False, soft_wrap=True)
    if plot is not None:
        plot.write_bytes(found.plot)
        console.print(f"plot: {plot}", markup=False, highlight=False, soft_wrap=True)


def _whole(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} must be whole numbers with commas between, got {text!r}"
        ) from error


def _change(note: str) -> Change:
    from foresight.store.models import Change

    return Change(caller(), int(time.time()), note)


def _json(text: str, option: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from error
    if not isinstance(found, kind):
        raise typer.BadParameter(f"{option} must be a JSON object")
    return found
