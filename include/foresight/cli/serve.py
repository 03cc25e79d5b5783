"""``foresight serve``: Airflow on this machine with the user's own Prometheus, MySQL and Kafka."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from foresight.cli.console import console, reports_errors

HOME = Path(".foresight")


@reports_errors
def serve(
    home: Annotated[Path | None, typer.Option(help="Where Airflow keeps its own things.")] = None,
    port: Annotated[int, typer.Option(help="Port of the UI on loopback; 0: any free one.")] = 8080,
) -> None:
    """Start Airflow here with your connections, and stay until Ctrl-C.

    The first start switches telemetry_analysis, sla_evaluation and maintenance on.
    """
    from foresight.conventions import RESULTS_CONNECTION
    from foresight.local.serving import connections_set, served
    from foresight.wiring.connections import results

    if RESULTS_CONNECTION in connections_set():
        results()  # tables that are not there would only be told by tasks that fail
    folder = (home or HOME / "serve").absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this ends all of it
    os.umask(0o077)
    say("Airflow starts, which takes about half a minute")
    try:
        with served(folder, port) as (airflow, is_new):
            say(f"{airflow.url}  user admin, password {airflow.password}")
            say(f"in other shells: export AIRFLOW_HOME={folder}")
            if is_new:
                say("telemetry_analysis, sla_evaluation and maintenance are switched on")
            say("Ctrl-C stops everything")
            _wait_to_be_ended()
    except KeyboardInterrupt:  # while it started
        pass
    say("everything that was started is stopped")


def _wait_to_be_ended() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one would leave processes behind
            signal.signal(number, signal.SIG_IGN)


def say(text: str) -> None:
    """A line of standard output."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
