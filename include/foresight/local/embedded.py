"""The embedded defaults: no server needed. A recording, SQLite, and librdkafka's built-in broker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from foresight.conventions import (
    KAFKA_CONNECTION,
    PERFORMANCE_TOPIC,
    POLICY_TOPIC,
    RESULTS_CONNECTION,
    SLA_EVENTS_TOPIC,
    TELEMETRY_CONNECTION,
    TELEMETRY_TOPIC,
)
from foresight.errors import BrokerUnavailable
from foresight.grid import INTERVAL, floored
from foresight.local.standalone import stop_session
from foresight.wiring.settings import SHIPPED

CONFIG = SHIPPED / "demo"
"""Catalogue and SLAs of the demo."""

SHOWN_ROW = 18_510
"""The row of the recording that ends the first interval of a demo: minutes before an incident."""


@contextmanager
def embedded_connections(home: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """The three connections of a home, while its broker runs. The broker forgets when it ends; files stay."""
    home.mkdir(parents=True, exist_ok=True)
    with _broker(home) as servers:
        yield {
            TELEMETRY_CONNECTION: {"conn_type": "recording", "host": "smd", "extra": _anchor(home)},
            RESULTS_CONNECTION: {"conn_type": "sqlite", "host": str(results_file(home))},
            KAFKA_CONNECTION: {"conn_type": "kafka", "extra": {"bootstrap.servers": servers}},
        }


def results_file(home: Path) -> Path:
    """Where the results of a home are."""
    return home / "results.db"


def _anchor(home: Path) -> dict[str, Any]:
    """Which row of the recording is shown when: decided at the first start of a home, then kept."""
    file = home / "recording.json"
    if not file.exists():
        interval = floored(datetime.now(UTC), INTERVAL)
        file.write_bytes(orjson.dumps({"last_row": SHOWN_ROW, "last_slot_at": interval.isoformat()}))
    anchor: dict[str, Any] = orjson.loads(file.read_bytes())
    return anchor


@contextmanager
def _broker(home: Path, seconds: float = 30) -> Iterator[str]:
    announced = home / "kafka.address"
    announced.unlink(missing_ok=True)
    command = [sys.executable, "-m", "foresight.messaging.embedded", "--announce", str(announced)]
    command += ["--topics", TELEMETRY_TOPIC, SLA_EVENTS_TOPIC, PERFORMANCE_TOPIC, POLICY_TOPIC]
    with (home / "kafka.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + seconds
        while not announced.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BrokerUnavailable(f"the embedded broker did not come up; see {home / 'kafka.log'}")
            time.sleep(0.05)
        yield announced.read_text()
    finally:
        stop_session(process)
