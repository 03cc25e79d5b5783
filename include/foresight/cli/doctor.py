"""``foresight doctor``."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from foresight.cli.console import console, escape, reports_errors
from foresight.cli.console import table as new_table

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@reports_errors
def doctor() -> None:
    """Are files, connections, tables, topics and versions right? Says what to do; fails if a run would."""
    from foresight.services.diagnosis import Verdict, diagnose
    from foresight.wiring.installation import this_installation

    table, is_wrong = new_table("check", "verdict", "what", box=None), False
    for finding in diagnose(this_installation(), datetime.now(UTC)):
        is_wrong |= finding.verdict is Verdict.WRONG
        verdict = f"[{STYLES[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.what, verdict, escape(finding.text))
    console.print(table)
    if is_wrong:
        raise typer.Exit(1)
