"""The main job from a standing start: a real Airflow on embedded defaults, its first scheduled interval."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from foresight.conventions import SLA_EVENTS_TOPIC, SLA_FILE, TELEMETRY_TOPIC
from foresight.demo import slices as slice_demonstration
from foresight.demo.scoring import DAGS as SCORING_DAGS
from foresight.demo.scoring import Scored, demonstrate_scoring
from foresight.local.embedded import CONFIG, embedded_connections, results_file
from foresight.local.standalone import Standalone, connection_variables, free_port
from foresight.services import slas
from foresight.services.publications import PUBLISHED
from foresight.services.slices.status import SliceStatus
from foresight.store import migrate
from foresight.store.checks import count_rows
from foresight.store.tables import metadata, publication
from foresight.wiring.connections import kafka_config, open_results, results
from foresight.wiring.settings import catalogue

DAGS = ("telemetry_analysis", "sla_evaluation")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a demonstration has to show, and where it is stored; rows by table, messages by topic."""

    status: slas.Status
    slices: SliceStatus
    scored: Scored
    rows: dict[str, int]
    messages: dict[str, int]
    results: Path
    airflow: Standalone


@contextmanager
def demonstration(home: Path, port: int, say: Say) -> Iterator[Shown]:
    """The demo after its first interval; when the block ends, everything that was started is stopped."""
    settings = {"FORESIGHT_CONFIG": str(CONFIG)}
    with embedded_connections(home) as connections:
        os.environ |= settings | connection_variables(connections)
        migrate(open_results())
        applied = slas.apply(results(), catalogue(), [CONFIG / SLA_FILE], by="demo", at=int(time.time()))
        say(f"{len(applied)} SLAs applied; Airflow starts, which takes about half a minute")
        with Standalone(home, connections, settings, port or free_port()) as airflow:
            say(f"Airflow is up at {airflow.url}; its DAGs are switched on")
            airflow.unpause(*SCORING_DAGS)
            slice_demonstration.switch_on(airflow, say)
            as_of = _first_interval(airflow)
            say(f"telemetry_analysis finished the interval until {as_of:%H:%M} UTC")
            airflow.wait_for("the SLA statuses", lambda: _announced(as_of) or None)
            say("sla_evaluation, woken by it, stored the statuses and announced what changed")
            slices = slice_demonstration.replay(airflow, say)
            scored = demonstrate_scoring(airflow, kafka_config(), say)
            yield _shown(home, airflow, slices, scored)


def _first_interval(airflow: Standalone) -> datetime:
    """The end of the interval of the run that the schedule starts once the DAG is switched on."""
    airflow.unpause(*reversed(DAGS))
    run = airflow.wait_for("the first scheduled run", lambda: next(iter(airflow.runs(DAGS[0])), None))
    done = airflow.succeed(DAGS[0], run["dag_run_id"])
    return datetime.fromisoformat(done["data_interval_end"])


def _announced(as_of: datetime) -> bool:
    """Whether both topics have all that this interval has to say."""
    topics = TELEMETRY_TOPIC, SLA_EVENTS_TOPIC
    of_interval = (publication.c.as_of == as_of) & (publication.c.state == PUBLISHED)
    query = select(func.count()).select_from(publication).where(of_interval, publication.c.topic.in_(topics))
    return results().read(lambda connection: connection.execute(query).scalar_one()) == len(topics)


def _shown(home: Path, airflow: Standalone, slices: SliceStatus, scored: Scored) -> Shown:
    def work(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
        rows = {name: count_rows(connection, table) for name, table in metadata.tables.items()}
        sent = select(publication.c.topic, func.sum(publication.c.n_messages)).group_by(publication.c.topic)
        return rows, {topic: int(n) for topic, n in connection.execute(sent)}

    return Shown(slas.status(results()), slices, scored, *results().read(work), results_file(home), airflow)
