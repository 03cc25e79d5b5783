"""One of many faults a round, at a random moment: what tables and topics hold then equals a plain oracle."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer
from sqlalchemy import Connection, text
from upath import UPath

from foresight.errors import FinalError, ForesightError, MessageRejected, StoreUnavailable
from foresight.files import write_bytes
from foresight.messaging import Message, drain
from foresight.orchestration.sla.steps import AT_ONCE, _chosen
from foresight.services.evaluation import is_kept
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.services.scoring.tables import TableSource
from foresight.store import Store, maintain, models, pending_intervals
from foresight.store.intervals import CATALOGUE_SCOPE, save_analysed_interval, save_evaluated_interval
from foresight.store.models import MODELS_LOCK, Change
from foresight.store.scoring import SCORING_LOCK, count_run, find_run
from foresight.store.slices import read_offsets, read_topic_id, save_offsets
from foresight.store.tables import evaluated_interval, sample
from tests.integration.kafka_topics import ids_on, make_anew
from tests.servers.proxy import Proxy
from tests.unit.store.rows import T0, all_rows, matrix, persist

COMMIT = rb"COMMIT$"
DAY = 86_400
NAMES = ("iris", "rose", "tulip")
FACTS = {"source": "s", "name": "iris", "alias": "a", "version": 1, "state": "running"}


@dataclass
class World:
    """A store behind a line that breaks, a broker, and beside them what ought to be there."""

    store: Store
    direct: Store
    line: Proxy
    servers: str
    outgoing: str
    incoming: str
    folder: Path
    rng: random.Random
    deployed: dict[str, list[int]] = field(default_factory=dict)
    counted: int = 0
    said: dict[int, set[str]] = field(default_factory=dict)
    """By as-of the ids that were ever wanted on the outgoing topic."""
    n_dead: int = 0
    received: list[bytes] = field(default_factory=list)
    sent: int = 0
    rows: int = 0
    analysed: set[int] = field(default_factory=set)
    evaluated: set[int] = field(default_factory=set)
    as_of: int = T0
    log: list[str] = field(default_factory=list)

    @property
    def kafka(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.servers}

    def breaks(self) -> None:
        """Arms a cut, or none: before or after the server hears of a commit, or as a lock is given back."""
        word = self.rng.choice([COMMIT, COMMIT, rb"RELEASE_LOCK", None])
        if word is not None:
            self.line.cut(word, after_answer=self.rng.random() < 0.7, times=self.rng.randint(1, 3))


def change_models(world: World) -> None:
    """Kind 1: deploy, go back, undeploy, with the answer to the commit lost on the way."""
    name = world.rng.choice(NAMES)
    stack = world.deployed.setdefault(name, [])
    who = Change("me", T0, "why")
    world.breaks()
    action = world.rng.choice(["deploy", "deploy", "roll_back", "undeploy"])

    def work(connection: Connection) -> Any:
        if action == "deploy":
            fields = {"name": name, "kind": "pmml", "sha256": f"{world.rng.random()}", "size_bytes": 1}
            version, _ = models.add_version(connection, fields | {"signature": {}, "uri": "u"}, who)
            models.deploy(connection, name, version, "a", {}, who)
            return version
        if action == "undeploy":
            return models.undeploy(connection, name, "a", who)
        return models.roll_back(connection, name, "a", who)

    try:
        found = world.store.transact(work, lock=MODELS_LOCK)
    except FinalError:
        assert action == ("undeploy" if not stack else "roll_back") or not stack
        assert len(stack) < (2 if action == "roll_back" else 1)
        return
    if action == "deploy":
        stack.append(found)
    elif action == "undeploy":
        assert found == stack[-1]
        stack.clear()
    else:
        assert found == (stack[-1], stack[-2])
        stack.pop()


def count(world: World) -> None:
    """Kinds 1 and 4: adding to what stands, while connections are cut or killed."""
    kills = [world.rng.random() < 0.4]
    world.breaks()

    def work(connection: Connection) -> None:
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        count_run(connection, "dag", "run", FACTS, {"n_read": 1, "n_good": 1}, T0)
        if kills.pop() if kills else False:
            with world.direct.engine.connect() as other:
                other.exec_driver_sql(f"KILL CONNECTION {number}")
        connection.exec_driver_sql("SELECT 1")

    world.store.transact(work, lock=SCORING_LOCK)
    world.counted += 1


def announce(world: World) -> None:
    """Kinds 2, 3, 5: more to say while it is being said, something else instead, and what nobody takes."""
    as_of = T0 + 600 * world.rng.randint(0, 3)
    ids = world.said.setdefault(as_of, set())

    def want(fresh: str) -> None:
        ids.add(fresh)
        content = str(hash(frozenset(ids)))

        def work(connection: Connection) -> None:
            open_publication(connection, world.outgoing, as_of, WHOLE, is_wanted=True, content=content)

        world.store.transact(work, lock=LOCK)

    def messages(of: int) -> list[Message]:
        made = [Message(one, None, b"x") for one in sorted(world.said.get(of, ()))]
        if of == as_of and late:
            want(late.pop())
        if of not in world.said:
            raise MessageRejected("dead")
        return made

    late = [f"{as_of}:{world.rng.random()}"] if world.rng.random() < 0.5 else []
    if world.rng.random() < 0.3:
        world.n_dead += 1
        dead = T0 - 600 * world.n_dead
        world.direct.transact(
            lambda c: open_publication(c, world.outgoing, dead, WHOLE, is_wanted=True), lock=LOCK
        )
    want(f"{as_of}:{world.rng.random()}")
    world.breaks()
    for _ in range(3):
        try:
            publish_pending(world.store, world.kafka, world.outgoing, messages)
        except MessageRejected:
            continue
        except StoreUnavailable:
            world.line.disarm()


def catch_up(world: World) -> None:
    """Kind 6: more intervals wait than a run takes; each run takes a bounded part, the newest first."""
    fresh = {world.as_of - 60 * number for number in range(world.rng.choice([1, 3, AT_ONCE + 30]))}
    numbers = {"is_complete": True, "n_planned": 1, "n_stored": 1, "n_quarantined": 0}

    def outage(connection: Connection) -> None:
        for as_of in sorted(fresh - world.analysed):
            save_analysed_interval(connection, as_of, CATALOGUE_SCOPE, **numbers)

    world.store.transact(outage)
    world.analysed |= fresh
    world.breaks()
    pending = world.store.read(lambda connection: pending_intervals(connection, CATALOGUE_SCOPE))
    assert set(pending) == world.analysed - world.evaluated
    chosen = _chosen(world.direct, set(), pending, AT_ONCE)
    assert chosen == [at for at in pending if is_kept(world.direct, at)][-AT_ONCE:]
    world.store.transact(
        lambda connection: [save_evaluated_interval(connection, at, n_sla=1, n_sli=1) for at in chosen]
    )
    world.evaluated |= set(chosen)


def receive(world: World) -> None:
    """Kind 7: a topic that is read from stored offsets, and now and then made anew."""
    if world.rng.random() < 0.15:
        make_anew(world.servers, world.incoming)
    producer = Producer(world.kafka)
    fresh = [b"%d" % (world.sent + at) for at in range(world.rng.randint(1, 5))]
    for value in fresh:
        producer.produce(world.incoming, value, partition=0)
    assert producer.flush(30) == 0
    world.sent += len(fresh)
    world.breaks()
    known = world.store.read(lambda c: (read_offsets(c, world.incoming), read_topic_id(c, world.incoming)))
    drained = drain(world.kafka, world.incoming, known[0], topic_id=known[1])
    world.store.transact(
        lambda c: save_offsets(c, world.incoming, drained.offsets, T0, drained.topic_id), lock="faults"
    )
    world.received += [message.value or b"" for message in drained.messages]


def tidy_up(world: World) -> None:
    """Kinds 8, 11, 12: a clock that runs ahead, windows whose samples went, a reader in the way."""
    kind = world.rng.choice(["ahead", "drop", "reader"])
    n_rows = len(all_rows(world.direct, sample))
    if kind == "ahead":
        maintain(
            world.store, world.as_of + world.rng.randint(30, 900) * DAY, {"sample": 3, "sample_window": 3}
        )
        assert len(all_rows(world.direct, sample)) == n_rows
    elif kind == "drop":
        world.as_of += DAY
        values = np.ones((2, 1440 * 2 // 60))
        old = matrix(np.repeat(values, 1, axis=1), world.as_of)
        persist(world.store, old)
        kept = {"sample": 1, "sample_window": 30}
        maintain(world.store, world.as_of, kept, allow_large_drop=True, pause_seconds=0.1)
        persist(world.store, old)
        starts = world.as_of - old.grid.n_slots * 60
        query = text("SELECT COUNT(*) FROM sample WHERE UNIX_TIMESTAMP(slot) > :start")
        found = world.direct.read(lambda c: c.execute(query, {"start": starts}).scalar_one())
        assert found == old.values.size
    else:
        _maintain_behind_a_reader(world)


def _maintain_behind_a_reader(world: World) -> None:
    reading, written = threading.Event(), threading.Event()

    def read() -> bool:
        def work(connection: Connection) -> bool:
            connection.exec_driver_sql("SELECT COUNT(*) FROM sample").scalar_one()
            reading.set()
            return written.wait(60)

        return world.direct.read(work)

    def upkeep() -> None:
        reading.wait(60)
        maintain(world.direct, world.as_of, {"sample": 30}, pause_seconds=0.2)

    def write() -> None:
        reading.wait(60)
        world.store.transact(lambda c: count_run(c, "dag", "run", FACTS, {"n_read": 1, "n_good": 1}, T0))
        persist(world.store, matrix(np.ones((1, 3)), world.as_of, "other"))
        written.set()

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(work) for work in (read, upkeep, write)]
        assert futures[0].result(120)
        for future in futures:
            future.result(120)
    world.counted += 1


def read_table(world: World) -> None:
    """Kind 9: rows that are committed in another order than that of their keys."""
    first, start = world.rows + 1, world.rows + 1
    world.rows += 2
    locked, seen = threading.Event(), threading.Event()

    def late() -> None:
        with world.direct.engine.begin() as connection:
            connection.execute(text("INSERT INTO flowers VALUES (:id, 'a')"), {"id": first})
            locked.set()
            seen.wait(30)
            threading.Event().wait(world.rng.random() * 0.3)

    def read() -> list[int]:
        locked.wait(30)
        with world.direct.engine.begin() as connection:
            connection.execute(text("INSERT INTO flowers VALUES (:id, 'b')"), {"id": first + 1})
        source = TableSource(lambda _: world.direct, "table:flowers")
        ends = source.ends()
        seen.set()
        items, _ = source.take({0: start}, ends, None)
        return [key for key, _ in items]

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(late), pool.submit(read)]
        assert futures[1].result(60) == [first, first + 1]
        futures[0].result(60)


def write_file(world: World) -> None:
    """Kind 10: two write one file at once; it is one of both, and nothing is left beside it."""
    target = UPath(world.folder / "shared.bin")
    bodies = [bytes([number]) * world.rng.randint(1, 200_000) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda body: write_bytes(target, body), bodies))
    assert target.read_bytes() in bodies
    assert [path.name for path in world.folder.iterdir()] == ["shared.bin"]


ACTIONS: tuple[Callable[[World], None], ...] = (
    change_models, change_models, count, count, announce, announce, catch_up, receive, tidy_up, read_table,
    write_file,
)  # fmt: skip


def play(world: World, rounds: int) -> None:
    """Rounds of faults; after each of them nothing is armed any more."""
    for number in range(rounds):
        action = world.rng.choice(ACTIONS)
        world.log.append(f"{number} {action.__name__}")
        try:
            action(world)
        except ForesightError as error:
            raise AssertionError(f"round {number}, {action.__name__}") from error
        finally:
            world.line.disarm()


def check(world: World) -> None:
    """Everything against the oracle."""
    for name, stack in world.deployed.items():
        rows = world.direct.read(lambda c, name=name: models.list_deployments(c, name))
        assert [row.version for row in rows] == stack[-1:], name
    while pending := world.direct.read(lambda c: pending_intervals(c, CATALOGUE_SCOPE)):
        assert set(pending) == world.analysed - world.evaluated
        for at in pending:
            world.direct.transact(lambda c, at=at: save_evaluated_interval(c, at, n_sla=1, n_sli=1))
        world.evaluated |= set(pending)
    assert world.evaluated == world.analysed
    assert {int(row[0].timestamp()) for row in all_rows(world.direct, evaluated_interval)} == world.analysed
    run = world.direct.read(lambda c: find_run(c, "dag", "run"))
    assert (0 if run is None else run.n_read) == world.counted
    for _ in range(2):
        try:
            publish_pending(
                world.direct, world.kafka, world.outgoing,
                lambda as_of: [Message(one, None, b"x") for one in sorted(world.said[as_of])],
            )  # fmt: skip
        except (KeyError, MessageRejected):
            continue
    wanted = Counter({one: 1 for ids in world.said.values() for one in ids})
    assert ids_on(world.servers, world.outgoing) == wanted
    assert world.received == [b"%d" % number for number in range(world.sent)]
