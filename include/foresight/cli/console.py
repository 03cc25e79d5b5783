"""Where commands print to, and what becomes of an error: one line on standard error and a status.

Data goes to standard output and nothing else does. Libraries log there too, and Airflow makes them: so while
a command runs, ``sys.stdout`` is standard error, and ``data`` is where its own lines go.
"""

from __future__ import annotations

import functools
import getpass
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

from foresight.errors import FinalError, ForesightError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_DATA: ContextVar[TextIO | None] = ContextVar("data", default=None)


def data() -> TextIO:
    """Where a command writes what it was asked for."""
    return _DATA.get() or sys.stdout


@contextmanager
def data_alone_on_stdout() -> Iterator[None]:
    """Whatever takes ``sys.stdout`` inside, or has it as the stream of a log, gets standard error."""
    stdout = sys.stdout
    token = _DATA.set(data())
    sys.stdout = sys.stderr
    handlers = [each for each in logging.getLogger().handlers if getattr(each, "stream", None) is stdout]
    for handler in handlers:
        handler.setStream(sys.stderr)  # type: ignore[attr-defined] # it has a stream
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stdout)  # type: ignore[attr-defined] # the same
        sys.stdout = stdout
        _DATA.reset(token)


def print_json(value: Any) -> None:
    """Writes a value as JSON where a command writes what it was asked for; arrays of NumPy are lists."""
    import orjson

    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2).decode()
    print(text, file=data())


def instant(text: str, option: str = "") -> int:
    """Epoch seconds of an instant that was given, for ``option``; raises ``FinalError``."""
    from foresight.instants import read_instant

    try:
        return read_instant(text)
    except ValueError as error:
        raise FinalError(f"{option} {error}".strip()) from error


class LazyConsole:
    """A Rich console that is made when it first prints: plain help does without Rich."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr
        self._console: Console | None = None

    def __getattr__(self, name: str) -> Any:
        if self._console is None:
            from rich.console import Console

            # Where there is no terminal, lines are long enough for the tables.
            is_wide = not self._stderr and not data().isatty()
            self._console = Console(width=120 if is_wide else None, stderr=self._stderr)
        if not self._stderr:
            self._console.file = data()
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


def reports_errors(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Keeps standard output for data, and tells an error of ours in its own words, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            with data_alone_on_stdout():
                return command(*args, **kwargs)
        except ForesightError as error:
            errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            sys.exit(FINAL if isinstance(error, FinalError) else TRANSIENT)

    return wrapped
