"""``foresight demo``: the main job on embedded defaults, in a real Airflow that is started and stopped."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from foresight.cli.app import console, told

HOME = Path(".foresight")


@told
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Keep Airflow running until Ctrl-C.")] = False,  # noqa: FBT002 - typer's way
    home: Annotated[Path | None, typer.Option(help="Where everything is kept.")] = None,
    port: Annotated[int, typer.Option(help="Port of the UI on loopback; 0: any free one.")] = 0,
) -> None:
    """Analyse a recording of real servers and evaluate SLAs on it: in a real Airflow, without any server.

    Without --stay the home is made anew, and everything that was started is stopped again.
    """
    from foresight.orchestration.embedded import CONFIG, embedded_connections
    from foresight.orchestration.standalone import Standalone, connection_variables, free_port

    started = time.monotonic()
    folder = (home or HOME / ("up" if stay else "demo")).absolute()
    if not stay:
        shutil.rmtree(folder, ignore_errors=True)
    with embedded_connections(folder) as connections:
        os.environ |= connection_variables(connections) | {"FORESIGHT_CONFIG": str(CONFIG)}
        _apply_slas(CONFIG / "slas.yaml")
        with console.status("Airflow starts (about half a minute)"):
            airflow = Standalone(folder, connections, {"FORESIGHT_CONFIG": str(CONFIG)}, port or free_port())
            airflow.__enter__()
        try:
            _say(started, f"Airflow is up at {airflow.url}")
            _run(airflow, started)
            _show(folder)
            if stay:
                _stay(airflow)
        finally:
            airflow.stop()
    _say(started, "everything that was started is stopped")
