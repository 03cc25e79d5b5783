"""``foresight demo``: the main job on embedded defaults, in a real Airflow that is started and stopped."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from foresight.cli.console import console, escape, reports_errors
from foresight.cli.console import table as new_table
from foresight.cli.demo_scoring import show_scored
from foresight.cli.slices import decisions

HOME = Path(".foresight")


@reports_errors
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Keep Airflow running until Ctrl-C.")] = False,
    home: Annotated[Path | None, typer.Option(help="Where everything is kept.")] = None,
    port: Annotated[int, typer.Option(help="Port of the UI on loopback; 0: any free one.")] = 0,
) -> None:
    """Analyse a recording of real servers, evaluate SLAs on it, and decide on slices: in a real Airflow.

    No server is needed, and none of yours is touched: where connections are set it refuses. Without --stay
    the home is made anew, and everything that was started is stopped.
    """
    from foresight.cli.sla_table import status_table
    from foresight.demo.main_job import Shown, demonstration
    from foresight.local.retrieval import retrieval_beside
    from foresight.local.serving import refuse_to_replace

    refuse_to_replace()
    started = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.1f} s[/]  {escape(text)}", highlight=False)

    def show(shown: Shown) -> None:
        console.print(status_table(shown.status.lines))
        console.print(decisions(shown.slices, without={"period"}))
        show_scored(shown.scored)
        stored = new_table("stored in", "what", box=None)
        rows = ", ".join(f"{n:,} {name}" for name, n in shown.rows.items() if n)
        messages = ", ".join(f"{n:,} on {topic}" for topic, n in shown.messages.items())
        stored.add_row(escape(str(shown.results)), f"rows: {rows}")
        stored.add_row("the embedded Kafka", f"messages: {messages}")
        console.print(stored)

    folder = (home or HOME / ("up" if stay else "demo")).absolute()
    if not stay:
        shutil.rmtree(folder, ignore_errors=True)
    logging.getLogger("foresight").setLevel(logging.WARNING)  # what went well, the tables say
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends all of it
    os.umask(0o077)  # databases and logs are nobody else's
    try:
        with demonstration(folder, port, say) as shown:
            show(shown)
            if stay:
                airflow = shown.airflow
                text = f"{airflow.url}/foresight/pages/fleet  user admin, password {airflow.password}"
                console.print(text, markup=False, highlight=False)
                with retrieval_beside(airflow) as address:
                    text = f"{address}  gRPC, for tokens of {airflow.url}/auth/token"
                    console.print(text, markup=False, highlight=False)
                    console.print("Ctrl-C stops everything")
                    signal.pause()
    except KeyboardInterrupt:
        if not stay:
            raise
    say("everything that was started is stopped")
    if not stay:
        say("make up shows the same in pages")
