"""Slice capacity in the demo: the shipped recording, replayed as if it ended now, through the live DAG."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.orchestration import slice_models, slice_replay
from foresight.orchestration.connections import open_results
from foresight.orchestration.publications import PUBLISHED
from foresight.orchestration.slice_status import SliceStatus, newest
from foresight.orchestration.standalone import Standalone
from foresight.slices.examples import MODEL, RECORDING
from foresight.slices.recording import simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.store.checks import count_rows
from foresight.store.tables import publication, slice_prediction

DAG = "slice_prediction"
Say = Callable[[str], None]


def switch_on(airflow: Standalone, say: Say) -> None:
    """Judges the shipped model on periods that it never saw, puts it to use, and switches the DAG on."""
    at = int(time.time())
    version, trained = slice_models.import_file(
        MODEL, simulate(11, 1000, seed=99), target=Target.REFERENCE, split="time", at=at, by="demo"
    )
    slice_models.promote(version, at=at, by="demo", reason="it ships with Foresight")
    say(f"slice model {version}: {trained.verdict.reason}")
    airflow.unpause(DAG)


def replay(airflow: Standalone, say: Say) -> SliceStatus:
    """Sends the recording; what the DAG, woken by its arrival, has decided and announced."""
    n_cells = len(read_recording(RECORDING).keys)
    sent = slice_replay.send(RECORDING, int(time.time()), ends_now=True)
    started = time.monotonic()
    say(f"{sent.n_messages} events of slices are on {PERFORMANCE_TOPIC}")
    store = open_results()

    def announced() -> bool | None:
        return store.read(lambda connection: _is_announced(connection, n_cells)) or None

    airflow.wait_for("the policy messages", announced)
    say(f"{DAG}, woken by them, has announced what it decided after {time.monotonic() - started:.1f} s")
    return newest(n_cells)


def _is_announced(connection: Connection, n_cells: int) -> bool:
    """Whether all cells are decided on, and what is to be sent is on the topic."""
    states = select(publication.c.state).filter_by(topic=POLICY_TOPIC)
    found = set(connection.execute(states).scalars())
    return found == {PUBLISHED} and count_rows(connection, slice_prediction) >= n_cells
