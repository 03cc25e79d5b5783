"""Retrieval: serve stored results over gRPC, and get them from such a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from foresight.cli.console import console, data, errors, escape, instant, reports_errors
from foresight.cli.console import table as new_table
from foresight.errors import FinalError

if TYPE_CHECKING:
    from foresight.matchers import Matcher
    from foresight.retrieval.client import Asked, RetrievalClient

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)

PORT: Final = 50051
FAMILIES: Final = {
    "stationarity": ("GetDickeyFuller", "Stationarity (augmented Dickey-Fuller)"),
    "decomposition": ("ListDecomposition", "Seasonal decomposition"),
    "hodrick-prescott": ("ListHodrickPrescott", "Hodrick-Prescott"),
    "autocorrelation": ("ListAutocorrelation", "Autocorrelation"),
    "aggregates": ("ListAggregates", "Maximum, minimum, mean and deviation"),
    "forecasts": ("ListForecasts", "Forecast"),
}
"""What there is to get: five families that describe the past, and the forecast."""


@app.command("serve")
@reports_errors
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; all but loopback needs TLS.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = PORT,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file of the certificate and its chain.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
) -> None:
    """Serve stored results over gRPC until Ctrl-C. Callers need a token of Airflow."""
    from foresight.retrieval.server import Address, Tls
    from foresight.retrieval.server import serve as serve_until_ended
    from foresight.retrieval.service import StoreReader
    from foresight.retrieval.sign_in import AirflowSignIn
    from foresight.wiring.connections import results
    from foresight.wiring.settings import catalogue

    if (tls_certificate is None) != (tls_key is None):
        raise FinalError("--tls-certificate and --tls-key belong together: give both or neither")
    tls = Tls(tls_certificate, tls_key) if tls_certificate and tls_key else None
    address = Address(host, port, tls)
    results()  # so that a database that is not there is told now

    def ready(taken: int) -> None:
        typer.echo(f"gRPC on {Address(host, taken, tls)}{' with TLS' if tls else ''}", file=data())

    serve_until_ended(address, StoreReader(results, catalogue), AirflowSignIn(), ready)


@app.command("get")
@reports_errors
def get(
    metric: Annotated[str | None, typer.Argument(help="Name of a metric; all of them by default.")] = None,
    matcher: Annotated[
        list[str] | None, typer.Option("--matcher", "-m", help='A label matcher such as host=~"a.*".')
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option("--family", help=f"Of {', '.join(FAMILIES)}; all by default.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="The run at this instant, in ISO 8601.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="The first instant, in ISO 8601.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The instant after the last.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Most rows of a family; 0: all of them.")] = 20,
    address: Annotated[str, typer.Option(help="host:port of the server.")] = f"127.0.0.1:{PORT}",
    token_file: Annotated[Path | None, typer.Option(help="A file with a token of Airflow.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM file of the authority to trust.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Each row as a line of JSON.")] = False,
) -> None:
    """Results of one metric, or of all, from a gRPC server: five families of the past, and the forecast."""
    from foresight.retrieval.client import Asked

    unknown = sorted(set(family or ()) - set(FAMILIES))
    if unknown:
        raise FinalError(f"--family {unknown[0]}: there is {', '.join(FAMILIES)}")
    if as_of and (start or end):
        raise FinalError("--as-of and --from, --to exclude each other")
    if (start is None) != (end is None):
        raise FinalError("--from and --to belong together")
    span = (instant(start, "--from"), instant(end, "--to")) if start and end else None
    at = instant(as_of, "--as-of") if as_of else None
    asked = Asked(metric or "", [_matcher(text) for text in matcher or ()], at, span, limit)
    asyncio.run(_get(address, token_file, tls_ca, list(family or FAMILIES), asked, json=json))


async def _get(
    address: str, token_file: Path | None, tls: Path | None, families: list[str], asked: Asked, *, json: bool
) -> None:
    from foresight.retrieval.client import RetrievalClient

    token = (lambda: _token(token_file)) if token_file else None
    async with RetrievalClient(address, token, tls) as client:
        for name in families:
            method, title = FAMILIES[name]
            if json:
                await _print_lines(_chunks(client, method, asked), name)
            else:
                await _print_table(_chunks(client, method, asked), title, asked.limit)


async def _chunks(client: RetrievalClient, method: str, asked: Asked) -> AsyncIterator[Any]:
    if method == "GetDickeyFuller":
        yield await client.dickey_fuller(asked)
        return
    async for chunk in client.chunks(method, asked):
        yield chunk


async def _print_lines(chunks: AsyncIterator[Any], family: str) -> None:
    import orjson

    series: dict[int, dict[str, Any]] = {}
    async for chunk in chunks:
        for one in chunk.series:
            series[one.series_id] = {"metric": one.metric, "labels": dict(one.labels)}
        for row in chunk.rows:
            line = {"family": family, **series[row.series_id], **_known(row)}
            typer.echo(orjson.dumps(line).decode(), file=data())
        _warn_of(chunk)


async def _print_table(chunks: AsyncIterator[Any], title: str, limit: int) -> None:
    names: dict[int, str] = {}
    table, n_rows = None, 0
    async for chunk in chunks:
        names |= {one.series_id: _name(one) for one in chunk.series}
        fields = [field.name for field in chunk.DESCRIPTOR.fields_by_name["rows"].message_type.fields]
        if table is None:
            shown = [field.removeprefix("adf_").removesuffix("_seconds") for field in fields[1:]]
            table = new_table("series", *shown, title=title, title_justify="left", box=None)
        for row in chunk.rows:
            cells = [_cell(row, field) for field in fields[1:]]
            table.add_row(escape(names[row.series_id]), *cells)
        n_rows += len(chunk.rows)
        _warn_of(chunk)
    console.print(table)
    if limit and n_rows >= limit:
        console.print(f"the first {n_rows}; --limit 0 shows all", style="dim")


def _warn_of(chunk: Any) -> None:
    for each in getattr(chunk, "left_out", ()):
        errors.print(
            f"{_name(each.series)}: {each.reason}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _known(row: Any) -> dict[str, Any]:
    """The fields of a row by name; what is absent is None."""
    return {
        field.name: getattr(row, field.name) if not field.has_presence or row.HasField(field.name) else None
        for field in row.DESCRIPTOR.fields
    }


def _cell(row: Any, name: str) -> str:
    value = _known(row)[name]
    if value is None:
        return "–"
    if name.endswith("_seconds"):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}"
    return f"{value:.5g}" if isinstance(value, float) else escape(str(value))


def _name(series: Any) -> str:
    from foresight.series import SeriesKey

    return str(SeriesKey.of(series.metric, dict(series.labels)))


def _token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise FinalError(f"--token-file {file} cannot be read: {error.strerror}") from error


def _matcher(text: str) -> Matcher:
    import re

    from foresight.matchers import Matcher

    found = re.fullmatch(r'([^=!~"]+)(=~|!~|!=|=)"?(.*?)"?', text, re.DOTALL)
    if found is None:
        raise FinalError(f"--matcher {text!r}: a label, an operator (=, !=, =~, !~) and a value are wanted")
    label, op, value = found.groups()
    try:
        return Matcher(label, op, value)  # type: ignore[arg-type] # the expression lets no other through
    except ValueError as error:
        raise FinalError(f"--matcher {text!r}: {error}") from error
