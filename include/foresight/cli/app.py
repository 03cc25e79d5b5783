"""All commands, and what becomes of an error: one line on standard error and a status that says so."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console

from foresight import __version__
from foresight.errors import FinalError, ForesightError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(width=None if sys.stdout.isatty() else 120)
"""Where there is no terminal, lines are long enough for the tables."""
errors = Console(stderr=True)

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

FINAL, TRANSIENT = 2, 75
"""Exit statuses: the request is wrong; the world failed and the same call may succeed later (EX_TEMPFAIL)."""


def told(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """An error that Foresight raises on purpose is told in its own words, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return command(*args, **kwargs)
        except ForesightError as error:
            errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            sys.exit(FINAL if isinstance(error, FinalError) else TRANSIENT)

    return wrapped


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    """Says before it happens how likely each SLA is to be violated."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if show:
        console.print(__version__)
        raise typer.Exit


def register() -> None:
    """Hangs the commands in; each module imports what it needs only when it runs."""
    from foresight.cli import demo, doctor, models, series, sla, slices

    app.add_typer(sla.app, name="sla")
    app.add_typer(series.app, name="series")
    app.add_typer(slices.app, name="slice")
    app.add_typer(models.app, name="model")
    app.command("doctor")(doctor.doctor)
    app.command("demo")(demo.demo)


register()
