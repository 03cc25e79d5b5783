"""Data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import typer

from foresight.cli import app

CLI = Path(__file__).parents[3] / "include" / "foresight" / "cli"

PROGRAM = """
import logging, warnings
import typer
from foresight.cli.console import console, data, reports_errors


@reports_errors
def command() -> None:
    import airflow, structlog
    from airflow.sdk import Connection

    logging.getLogger("mysql.connector").info("package: mysql.connector.plugins")
    logging.getLogger("foresight").warning("a warning of ours")
    structlog.get_logger("airflow").info("a line of Airflow")
    warnings.warn("an old call")
    print("a library that prints")
    console.print("first")
    typer.echo("second", file=data())
    data().buffer.write(b"third\\n") if data().flush() is None else None


command()
"""


def test_whatever_libraries_log_or_print_standard_output_holds_data_alone(tmp_path: Path) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "first\nsecond\nthird\n"
    for line in ("mysql.connector.plugins", "warning of ours", "line of Airflow", "old call", "that prints"):
        assert line in done.stderr


def test_every_command_keeps_standard_output_for_data() -> None:
    def commands(group: object) -> list[typer.main.TyperCommand]:
        found = []
        for command in group.commands.values():  # type: ignore[attr-defined]
            found += commands(command) if hasattr(command, "commands") else [command]
        return found

    found = commands(typer.main.get_command(app))
    assert len(found) > 20
    # Typer wraps the function once, and `told` once more.
    plain = [each.name for each in found if not hasattr(each.callback.__wrapped__, "__wrapped__")]
    assert plain == []


def test_no_command_writes_past_the_stream_for_data() -> None:
    for path in CLI.glob("*.py"):
        if path.name in {"app.py", "console.py"}:  # the version is printed before any command begins
            continue
        text = path.read_text()
        assert "sys.stdout" not in text, path
        assert re.findall(r"(?<![\w.])print\(", text) == [], path
        for call in re.findall(r"typer\.echo\((.*)\)", text):
            assert "err=True" in call or "file=data()" in call, (path, call)
