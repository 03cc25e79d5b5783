"""What can go wrong at every point of a run of ``slice_prediction``, and what must be there afterwards.

A run is a process of its own, as in production, stopped at a point: there it is killed with SIGKILL, or it
waits while the broker or the database is killed and started again. Then it is tried again with the same
instant, as Airflow would, until it ends well.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import Producer
from sqlalchemy import make_url, select

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.messaging import connection as kafka
from foresight.messaging import drain, ensure_topic
from foresight.orchestration.slices import prediction as slice_prediction
from foresight.services import publications
from foresight.services.slices import events as slice_events
from foresight.services.slices import models as slice_models
from foresight.slices.examples import MODEL
from foresight.slices.recording import Recording, messages, simulate
from foresight.slices.service import ConfigurationService
from foresight.slices.targets import Target
from foresight.store import Store, migrate, open_store
from foresight.store.tables import dead_letter, slice_measurement
from foresight.store.tables import slice_prediction as decisions
from tests.integration.kafka_topics import ids_on
from tests.servers.kafka import KafkaServer, kafka_broker
from tests.servers.mysql import MysqlServer, mysql_database
from tests.servers.slice_configuration import Service, configuration_service
from tests.unit.slice_runs import PERIODS, changes_in, context

N_CELLS = 12
ATTEMPTS = 4
"""The first try and Airflow's retries."""
FAILED = 75

POINTS = (
    "predict_and_send: events read, nothing stored",
    "predict_and_send: events and offsets written, not committed",
    "predict_and_send: events and offsets committed",
    "predict_and_send: configuration service being asked",
    "predict_and_send: configuration committed",
    "predict_and_send: decisions written, not committed",
    "predict_and_send: decisions committed",
    "predict_and_send: start offsets committed, nothing sent",
    "predict_and_send: policy message sent, not committed",
    "predict_and_send: policy message committed, not marked",
    "predict_and_send: dead letter sent, not committed",
    "predict_and_send: dead letter committed, not marked",
    "watch: everything announced",
)


@dataclass
class World:
    """All that takes part, and what was seen of the last fault."""

    kafka: KafkaServer
    mysql: MysqlServer
    service: Service
    store: Store
    environment: dict[str, str]
    number: int = 0
    tries: list[int] = field(default_factory=list)
    last: Recording | None = None


@contextmanager
def world() -> Iterator[World]:
    """A real broker, a real database with a model in use, and a configuration service."""
    with ExitStack() as stack:
        mysql, broker = stack.enter_context(mysql_database()), stack.enter_context(kafka_broker())
        service = stack.enter_context(configuration_service())
        url, address = make_url(mysql.url), urlsplit(service.url)
        given = {
            "results": {
                "conn_type": "mysql", "host": url.host, "port": url.port, "login": url.username,
                "schema": url.database,
            },
            "kafka": {"conn_type": "kafka", "extra": {"bootstrap.servers": broker.bootstrap}},
            "slice_config": {"conn_type": "http", "host": address.hostname, "port": address.port},
        }  # fmt: skip
        environment = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in given.items()}
        os.environ |= environment
        store = open_store(mysql.url)
        stack.callback(store.close)
        migrate(store)
        version, _ = slice_models.import_file(
            store, MODEL, simulate(11, 1000, seed=99), target=Target.REFERENCE, split="time", at=0, by="test"
        )
        slice_models.promote(store, version, at=0, by="test", reason="it ships")
        for topic in (PERFORMANCE_TOPIC, PERFORMANCE_DEAD_LETTER_TOPIC, POLICY_TOPIC):
            ensure_topic({"bootstrap.servers": broker.bootstrap}, topic)
        yield World(broker, mysql, service, store, environment)


def try_fault(world: World, point: str, fault: str) -> str:
    """Sends a slice's events and something unreadable, lets ``fault`` happen at ``point``, tries again.

    ``fault`` is ``worker``, ``broker`` or ``database``. What must hold is asserted; answers what was seen.
    """
    world.number += 1
    now, snssai = int(time.time()), f"01-{world.number:06X}"
    recording = simulate(N_CELLS, PERIODS, world.number, snssai=snssai).ending(now)
    _send(world, recording)
    world.tries = [_run(world, now, point, fault)]
    while world.tries[-1] and len(world.tries) < ATTEMPTS:
        world.tries.append(_run(world, now))
    assert world.tries[-1] == 0, f"{point}, {fault}: {world.tries}"
    world.last = recording
    check(world, recording)
    words = {0: "ended well", FAILED: "failed, retried"}
    return ", ".join(words.get(code, "killed, retried") for code in world.tries)


def run_again(world: World) -> int:
    """A run that finds nothing new, as after a clear; its exit status."""
    return _run(world, int(time.time()))


def _send(world: World, recording: Recording) -> None:
    for key, limit in zip(recording.keys, recording.configured[:, -1].astype(int).tolist(), strict=True):
        world.service.limits[key.cell, key.snssai] = limit
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap})
    for _, cu, value in messages(recording):
        producer.produce(PERFORMANCE_TOPIC, value, key=cu)
    producer.produce(PERFORMANCE_TOPIC, b"unreadable " + recording.keys[0].snssai.encode())
    assert producer.flush(60) == 0


def check(world: World, recording: Recording) -> None:
    """Every event stored once, every cell decided once, one message that says what is stored, one letter."""
    config, snssai = {"bootstrap.servers": world.kafka.bootstrap}, recording.keys[0].snssai
    rows = {table: _rows(world.store, table, snssai) for table in (slice_measurement, decisions)}
    found = {(row.cu, row.cell, int(row.period_start.timestamp())): row for row in rows[slice_measurement]}
    assert len(found) == N_CELLS * PERIODS
    for key, values in zip(recording.keys, recording.counters.tolist(), strict=True):
        for start, counted in zip(recording.starts.tolist(), values, strict=True):
            row = found[key.cu, key.cell, start]
            assert [row.requests, row.successes, row.failures] == counted
    assert [row.outcome for row in rows[decisions]] == ["ready"] * N_CELLS
    told = [m for m in drain(config, POLICY_TOPIC, {}).messages if m.key == snssai.encode()]
    assert len(told) == 1
    assert changes_in(tuple(told)) == {
        (row.snssai, row.cu, row.cell): (int(row.configured), int(row.final))
        for row in rows[decisions]
        if row.is_sent
    }
    query = select(dead_letter).order_by(dead_letter.c.partition_number, dead_letter.c.message_offset)
    letters = world.store.read(lambda connection: connection.execute(query).all())
    origins = Counter(f"{row.topic}:{row.partition_number}:{row.message_offset}" for row in letters)
    assert len(letters) == world.number
    assert ids_on(world.kafka.bootstrap, PERFORMANCE_DEAD_LETTER_TOPIC) == origins


def _rows(store: Store, table: Any, snssai: str) -> list[Any]:
    query = select(table).filter_by(snssai=snssai)
    return list(store.read(lambda connection: connection.execute(query).all()))


def _run(world: World, at: int, point: str = "", fault: str = "") -> int:
    """One try of both tasks in a process of its own; its exit status."""
    mine, theirs = multiprocessing.Pipe()
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__])
    process = forks.Process(target=_work, args=(theirs, world.environment, at, point, fault))
    process.start()
    theirs.close()
    server = {"broker": world.kafka, "database": world.mysql}.get(fault)
    try:
        if point and server is not None and mine.poll(120):
            mine.recv()
            server.kill()
            server.start()
            mine.send("go on")
    except EOFError:
        pass  # it ended without coming to the point
    process.join(240)
    assert process.exitcode is not None, "the run does not end"
    return process.exitcode


def _work(pipe: Pipe, environment: dict[str, str], at: int, point: str, fault: str) -> None:
    """Both tasks, as Airflow would run them; a failure of the world is an exit status."""
    from foresight.errors import TransientError

    os.environ |= environment
    given = context(at)

    def strike() -> None:
        if fault == "worker":
            os.kill(os.getpid(), signal.SIGKILL)
        pipe.send("here")
        pipe.recv()

    if point:
        _arm(POINTS.index(point), _once(strike))
    try:
        slice_prediction.predict_and_send(given)
        slice_prediction.watch_errors(given)
    except TransientError as error:
        print(f"{type(error).__name__}: {error}")
        os._exit(FAILED)
    os._exit(0)


def _once(strike: Callable[[], None]) -> Callable[[], None]:
    left = [strike]
    return lambda: left.pop()() if left else None


def _arm(point: int, strike: Callable[[], None]) -> None:
    """Has ``strike`` called at a point; the process is a fork and is never used again."""
    places: dict[int, tuple[Any, str, bool]] = {
        0: (slice_events, "take", True),
        1: (slice_events, "open_publication", False),
        2: (slice_prediction, "receive", False),
        3: (ConfigurationService, "fetch", True),
        4: (slice_prediction, "refresh", False),
        5: (slice_prediction.prediction, "decide_and_save", False),
        6: (slice_prediction, "publish_decisions", True),
        7: (publications, "_start_offsets", False),
        12: (slice_prediction, "watch_errors", True),
    }
    if point in places:
        owner, name, is_before = places[point]
        real = getattr(owner, name)

        def struck(*args: Any, **named: Any) -> Any:
            if is_before:
                strike()
            answer = real(*args, **named)
            if not is_before:
                strike()
            return answer

        setattr(owner, name, struck)
        return
    topic = PERFORMANCE_DEAD_LETTER_TOPIC if point >= 10 else POLICY_TOPIC

    class Struck(Producer):
        def commit_transaction(self, timeout: float = -1) -> None:
            mine = topic in self.sent_to
            if mine and point % 2 == 0:
                strike()
            super().commit_transaction(timeout)
            if mine and point % 2:
                strike()

        def produce(self, topic: str, *args: Any, **named: Any) -> None:
            self.sent_to = {topic}
            super().produce(topic, *args, **named)

    kafka.Producer = Struck  # type: ignore[misc]
