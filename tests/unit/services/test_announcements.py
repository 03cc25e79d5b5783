"""Changes of state that become others and come back: each is announced as often as it changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from foresight.messaging import drain
from foresight.messaging.embedded import start_broker
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.services.sla_events import event_messages
from foresight.store import Store, migrate, open_store
from foresight.store.announcements import note_changes
from foresight.store.retention import maintain
from foresight.store.tables import sla_announcement
from tests.unit.store.rows import T0, all_rows, evaluate

TOPICS = iter(f"changes-{number}" for number in range(1000))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'results.db'}")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    owner, address = start_broker(["sla-events"])
    yield address
    del owner


class Run:
    """What runs do about the changes of state at one instant, on a topic of its own."""

    def __init__(self, store: Store, servers: str) -> None:
        self._store, self._kafka, self._topic = store, {"bootstrap.servers": servers}, next(TOPICS)

    def evaluate(self, **states: str) -> None:
        evaluate(self._store, T0, states)

    def summarise(self) -> None:
        def work(connection: Any) -> None:
            content = note_changes(connection, T0)
            open_publication(connection, self._topic, T0, WHOLE, is_wanted=True, content=content)

        self._store.transact(work, lock=LOCK)

    def announce(self) -> None:
        publish_pending(self._store, self._kafka, self._topic, lambda at: event_messages(self._store, at))

    def announced(self) -> list[dict[str, Any]]:
        return [orjson.loads(m.value or b"") for m in drain(self._kafka, self._topic, {}).messages]


@pytest.fixture
def run(store: Store, servers: str) -> Run:
    return Run(store, servers)


def test_a_state_that_comes_back_after_another_one_is_announced_again(run: Run) -> None:
    for state in ("violated", "at_risk", "violated", "violated", "at_risk"):
        for _ in range(2):  # a run that is repeated changes nothing
            run.evaluate(x=state)
            run.summarise()
            run.announce()
    found = run.announced()
    assert [one["state"] for one in found] == ["violated", "at_risk", "violated", "at_risk"]
    assert len({one["event_id"] for one in found}) == 4


def test_a_change_that_went_and_came_back_with_no_other_between_is_said_once(run: Run) -> None:
    for state in ("violated", "ok", "violated"):
        run.evaluate(x=state)
        run.summarise()
        run.announce()
    assert [one["state"] for one in run.announced()] == ["violated"]


def test_what_is_stored_while_others_are_announced_is_announced_by_its_own_run_once(run: Run) -> None:
    run.evaluate(x="violated")
    run.summarise()
    run.evaluate(x="at_risk", y="violated")  # another run, which is not at its summary yet
    run.announce()
    run.summarise()
    run.announce()
    found = [(one["sli"], one["state"]) for one in run.announced()]
    assert sorted(found) == [("x", "at_risk"), ("y", "violated")]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_of_runs_it_is_what_a_plain_count_says(run: Run, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - orders of runs, no secrets
    noted: list[str] = []
    said: list[tuple[int, str]] = []
    now = "ok"
    chosen = rng.choices(("evaluate", "summarise", "summarise", "announce"), k=30)
    for action in [*chosen, "summarise", "announce"]:
        if action == "evaluate":
            now = rng.choice(("ok", "violated", "at_risk"))
            run.evaluate(x=now)
        elif action == "summarise":
            run.summarise()
            if now not in {"ok", *noted[-1:]}:
                noted.append(now)
        else:
            run.announce()
            if noted[-1:] == [now] and (len(noted), now) not in said:
                said.append((len(noted), now))
    found = [one["state"] for one in run.announced()]
    assert found == [state for _, state in said]


def test_an_older_database_does_not_announce_again_what_it_had_announced(store: Store) -> None:
    evaluate(store, T0, {"x": "violated", "y": "ok"})
    first = store.transact(lambda c: note_changes(c, T0), lock=LOCK)
    before = all_rows(store, sla_announcement)
    store.transact(lambda c: c.execute(text("UPDATE foresight_schema SET version_num = '0009'")))
    store.transact(lambda c: c.execute(text("DELETE FROM sla_announcement")))
    migrate(store)
    assert all_rows(store, sla_announcement) == before
    assert store.transact(lambda c: note_changes(c, T0), lock=LOCK) == first


def test_announcements_go_with_their_statuses(store: Store) -> None:
    evaluate(store, T0, {"x": "violated"})
    store.transact(lambda c: note_changes(c, T0), lock=LOCK)
    maintain(store, T0 + 10 * 86_400, {"sla_announcement": 3}, allow_large_drop=True)
    assert all_rows(store, sla_announcement) == []
