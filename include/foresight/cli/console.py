"""Where commands print to, and what becomes of an error: one line on standard error and a status."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from foresight.errors import FinalError, ForesightError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class LazyConsole:
    """A Rich console that is made when it first prints: plain help does without Rich."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr
        self._console: Console | None = None

    def __getattr__(self, name: str) -> Any:
        if self._console is None:
            from rich.console import Console

            # Where there is no terminal, lines are long enough for the tables.
            is_wide = not self._stderr and not sys.stdout.isatty()
            self._console = Console(width=120 if is_wide else None, stderr=self._stderr)
        return getattr(self._console, name)


console = LazyConsole()
"""What users wrote may look like markup: it is printed with ``markup=False``, or through ``escape``."""
errors = LazyConsole(stderr=True)

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

FINAL, TRANSIENT = 2, 75
"""Exit statuses: the request is wrong; the world failed and the same call may succeed later (EX_TEMPFAIL)."""


def escape(text: str) -> str:
    """The text as it is printed where markup is read."""
    from rich.markup import escape as escaped

    return escaped(text)


def table(*columns: str, **options: Any) -> Table:
    """An empty table with these columns; ``options`` are Rich's."""
    from rich.table import Table

    return Table(*columns, **options)


def caller() -> str:
    """Who calls, for the history: a name, or the number of a user whom the system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return str(os.getuid())


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
