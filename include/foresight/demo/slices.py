"""Slice capacity in the demo: the shipped recording, replayed as if it ended now, through the live DAG."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, func, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.local.standalone import Standalone
from foresight.services.publications import PENDING
from foresight.services.slices import models as slice_models
from foresight.services.slices import replay as slice_replay
from foresight.services.slices.status import SliceStatus, slice_status
from foresight.slices.examples import MODEL, RECORDING
from foresight.slices.recording import simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.store.tables import publication, slice_prediction, topic_offset
from foresight.wiring.connections import kafka_config, results

DAG = "slice_prediction"
Say = Callable[[str], None]


def switch_on(airflow: Standalone, say: Say) -> None:
    """Judges the shipped model on periods that it never saw, puts it to use, and switches the DAG on.

    The embedded broker begins empty whenever it starts, so what was read of an earlier one counts no more.
    """
    at = int(time.time())
    store = results()
    store.transact(lambda connection: connection.execute(topic_offset.delete()))
    version, trained = slice_models.import_file(
        store, MODEL, simulate(11, 1000, seed=99), target=Target.REFERENCE, split="time", at=at, by="demo"
    )
    slice_models.promote(store, version, at=at, by="demo", reason="it ships with Foresight")
    say(f"slice model {version}: {trained.verdict.reason}")
    airflow.unpause(DAG)


def replay(airflow: Standalone, say: Say) -> SliceStatus:
    """Sends the recording; what the DAG, woken by its arrival, has decided and announced."""
    at = int(time.time())
    recording = read_recording(RECORDING).ending(at)
    n_cells, newest_start = len(recording.keys), int(recording.starts[-1])
    sent = slice_replay.send(results(), kafka_config(), RECORDING, at, ends_now=True)
    started = time.monotonic()
    say(f"{sent.n_messages} events of slices are on {PERFORMANCE_TOPIC}")
    store = results()

    def announced() -> bool | None:
        return store.read(lambda connection: _n_announced(connection, newest_start)) >= n_cells or None

    airflow.wait_for("the policy messages", announced)
    say(f"{DAG}, woken by them, has announced what it decided after {time.monotonic() - started:.1f} s")
    return slice_status(store, n_cells)


def _n_announced(connection: Connection, start: int) -> int:
    """Cells that were decided on for the period that starts then; none while anything waits to be sent."""
    waiting = select(publication.c.as_of).where(publication.c.topic == POLICY_TOPIC)
    if connection.execute(waiting.where(publication.c.state == PENDING)).first() is not None:
        return 0
    decided = select(func.count()).select_from(slice_prediction).filter_by(period_start=start)
    return int(connection.execute(decided).scalar_one())
