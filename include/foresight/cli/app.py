"""All commands; each imports what it needs only when it runs."""

from __future__ import annotations

import logging
import os

import typer

from foresight import __version__
from foresight.cli import (
    metrics,
    models,
    notifications,
    retrieval,
    series,
    sla,
    slices,
    topics,
    upkeep,
    verification,
)
from foresight.cli.demo import demo
from foresight.cli.doctor import doctor
from foresight.cli.migrate import migrate
from foresight.cli.serve import serve
from foresight.cli.sla_foresight import backtest, what_if

app = typer.Typer(
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    """Says before it happens how likely each SLA is to be violated."""
    for talkative in ("alembic", "foresight.messaging.publish"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    if show:
        typer.echo(__version__)
        raise typer.Exit


app.add_typer(sla.app, name="sla")
sla.app.command("backtest")(backtest)
sla.app.command("what-if")(what_if)
app.add_typer(series.app, name="series")
app.add_typer(slices.app, name="slice")
app.add_typer(models.app, name="model")
app.add_typer(metrics.tokens, name="scrape-token")
app.add_typer(verification.app, name="verification")
app.add_typer(retrieval.app, name="retrieval")
app.add_typer(notifications.app, name="notifications")
app.add_typer(upkeep.publications, name="publications")
app.add_typer(upkeep.streams, name="streams")
app.add_typer(upkeep.dead_letters, name="dead-letters")
app.add_typer(topics.app, name="topics")
app.command("metrics")(metrics.metrics)
app.command("doctor")(doctor)
app.command("migrate")(migrate)
app.command("demo")(demo)
app.command("serve")(serve)


def main() -> None:
    """The command ``foresight``. Outside a task, Airflow looks connections up on request only."""
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    app()
