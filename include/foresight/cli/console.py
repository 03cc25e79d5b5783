"""Where commands print to, and what becomes of an error: one line on standard error and a status."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from rich.console import Console

from foresight.errors import FinalError, ForesightError

console = Console(width=None if sys.stdout.isatty() else 120)
"""Where there is no terminal, lines are long enough for the tables. What users wrote may look like markup:
it is printed with ``markup=False``, or through ``escape``."""
errors = Console(stderr=True)

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

FINAL, TRANSIENT = 2, 75
"""Exit statuses: the request is wrong; the world failed and the same call may succeed later (EX_TEMPFAIL)."""


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
