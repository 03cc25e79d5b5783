"""Notifications: each change of state is told once to each target that wants it, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from foresight.errors import FinalError, NotFound
from foresight.services import maintenance, slas
from foresight.services import notifications as service
from foresight.services.notification_messages import Notice
from foresight.services.notification_outbox import LEASE_SECONDS, LOOK_BACK_SECONDS, put_changes, send_all
from foresight.services.notification_senders import NotTaken
from foresight.services.notifications import Delivery, Silence
from foresight.store import Store
from foresight.store.notifications import outbox
from foresight.telemetry.catalogue import Catalogue
from tests.unit.store.rows import T0, evaluate

SLAS = """
slas:
  - name: shop
    owner: me
    description: "{{ 7*7 }} <b>bold</b>"
    slis:
      - {name: high, metric: m, max: 1, objective: 0.9}
      - {name: low, metric: m, max: 2, objective: 0.9}
  - name: zoo
    slis: [{name: high, metric: m, max: 1, objective: 0.9}]
"""
CATALOGUE = Catalogue.model_validate({"metrics": [{"name": "m", "metric": "m"}]})
STEP = 600


class Receiver:
    """Takes messages, unless it is down; dies when it is told to. A message counts once by its id."""

    def __init__(self) -> None:
        self.taken: list[Notice] = []
        self.tries: list[str] = []
        self.is_down = False
        self.dies: str | None = None

    def __call__(self, delivery: Delivery, notice: Notice) -> None:
        self.tries.append(notice.id)
        if self.dies == "before":
            raise KeyboardInterrupt
        if self.is_down:
            raise NotTaken("the receiver answered 500")
        if notice.id not in {each.id for each in self.taken}:
            self.taken.append(notice)
        if self.dies == "after":
            raise KeyboardInterrupt

    def events(self) -> list[tuple[str, str, str]]:
        return [(e["sla"], e["sli"], e["state"]) for notice in self.taken for e in notice.events]


@pytest.fixture
def stored(store: Store, tmp_path: Path) -> Store:
    file = tmp_path / "slas.yaml"
    file.write_text(SLAS)
    slas.apply(store, CATALOGUE, [file], by="test", at=T0)
    return store


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def deliver(store: Store, **options: object) -> None:
    given: dict[str, object] = {
        "target_name": "ops",
        "kind": "webhook",
        "connection": "hook",
        "is_for_all": True,
    }
    service.set_delivery(store, Delivery(**(given | options)))  # type: ignore[arg-type] # as the test says


def states(store: Store, at: int, high: str, low: str = "ok") -> None:
    evaluate(store, T0 + STEP * at, {"high": high, "low": low})


def tell(store: Store, receiver: Receiver, now: int) -> None:
    put_changes(store, now)
    send_all(store, receiver, lambda: now)


def statuses(store: Store) -> list[str]:
    return sorted(row["status"] for row in store.read(lambda connection: outbox(connection, 1000)))


def test_a_change_is_told_once_however_often_the_task_runs(stored: Store, receiver: Receiver) -> None:
    deliver(stored)
    for at, high in enumerate(["ok", "at_risk", "violated", "violated", "ok"]):
        states(stored, at, high)
        for again in range(3):
            tell(stored, receiver, T0 + STEP * at + 30 + again)
    assert receiver.events() == [
        ("shop", "high", "at_risk"), ("shop", "high", "violated"), ("shop", "high", "ok"),
    ]  # fmt: skip
    assert len(receiver.tries) == 3


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)])
def test_the_order_of_evaluations_does_not_matter(
    order: Iterable[int], stored: Store, receiver: Receiver
) -> None:
    deliver(stored)
    for at in order:
        states(stored, at, ["ok", "at_risk", "at_risk", "violated", "ok"][at])
    tell(stored, receiver, T0 + STEP * 5)
    assert receiver.events() == [
        ("shop", "high", "at_risk"), ("shop", "high", "violated"), ("shop", "high", "ok"),
    ]  # fmt: skip


def test_a_receiver_that_is_down_for_an_hour_misses_nothing_and_gets_nothing_twice(
    stored: Store, receiver: Receiver
) -> None:
    deliver(stored, group_by="sli")
    receiver.is_down = True
    expected = []
    for minute in range(60):
        if minute % 10 == 0:
            state = ["at_risk", "violated"][minute // 10 % 2]
            states(stored, minute // 10, state)
            expected.append(("shop", "high", state))
        tell(stored, receiver, T0 + 60 * minute)
    assert len(receiver.tries) > 5
    assert len(set(receiver.tries)) == 1  # one message, tried again under its own id
    receiver.is_down = False
    for minute in range(60, 90):
        tell(stored, receiver, T0 + 60 * minute)
    assert receiver.events() == expected
    assert statuses(stored) == ["sent"] * len(expected)


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_task_that_is_killed_loses_and_doubles_nothing(
    dies: str, stored: Store, receiver: Receiver
) -> None:
    deliver(stored)
    states(stored, 0, "violated")
    receiver.dies = dies
    with pytest.raises(KeyboardInterrupt):
        tell(stored, receiver, T0)
    receiver.dies = None
    tell(stored, receiver, T0 + 1)  # another task, while the claim of the dead one holds
    assert len(receiver.tries) == 1
    tell(stored, receiver, T0 + LEASE_SECONDS + 1)
    assert receiver.events() == [("shop", "high", "violated")]
    assert len(receiver.tries) == 2
    assert len(set(receiver.tries)) == 1


def test_one_target_that_fails_keeps_no_other_back(stored: Store, receiver: Receiver) -> None:
    deliver(stored, target_name="a")
    deliver(stored, target_name="b")
    states(stored, 0, "violated", "violated")

    def send(delivery: Delivery, notice: Notice) -> None:
        if delivery.target_name == "a":
            raise NotTaken("down")
        receiver(delivery, notice)

    put_changes(stored, T0)
    told = send_all(stored, send, lambda: T0)
    assert told.failed == {"a": "down"}
    assert (told.n_sent, told.n_events) == (1, 2)


def test_what_happens_in_quiet_time_is_told_together_after_it(stored: Store, receiver: Receiver) -> None:
    deliver(stored, cooldown_seconds=1800)
    for at, high in enumerate(["violated", "ok", "violated", "ok"]):
        states(stored, at, high)
        tell(stored, receiver, T0 + STEP * at)
    assert [len(notice.events) for notice in receiver.taken] == [1, 3]


@pytest.mark.parametrize(("group_by", "sizes"), [("sla", [1, 2]), ("sli", [1, 1, 1]), ("all", [3])])
def test_changes_are_grouped_as_the_target_says(
    group_by: str, sizes: list[int], stored: Store, receiver: Receiver
) -> None:
    deliver(stored, group_by=group_by)
    states(stored, 0, "violated", "at_risk")
    evaluate(stored, T0, {"high": "violated"}, sla="zoo")
    tell(stored, receiver, T0)
    assert sorted(len(notice.events) for notice in receiver.taken) == sizes


def test_a_target_is_told_of_its_own_slas_and_states_alone(stored: Store, receiver: Receiver) -> None:
    deliver(stored, is_for_all=False, sla_names=("zoo",), states=("violated",))
    states(stored, 0, "violated")
    for at, state in enumerate(["at_risk", "violated", "ok"]):
        evaluate(stored, T0 + STEP * at, {"high": state}, sla="zoo")
    tell(stored, receiver, T0 + STEP * 2)
    assert receiver.events() == [("zoo", "high", "violated"), ("zoo", "high", "ok")]


def test_what_was_before_a_target_and_what_is_a_day_old_is_not_told(
    stored: Store, receiver: Receiver
) -> None:
    states(stored, 0, "violated")
    deliver(stored, since=T0)
    states(stored, 1, "ok")
    tell(stored, receiver, T0 + STEP + LOOK_BACK_SECONDS)
    assert receiver.taken == []
    states(stored, 2, "violated")
    tell(stored, receiver, T0 + STEP * 2)
    assert receiver.events() == [("shop", "high", "ok"), ("shop", "high", "violated")]


def test_a_message_that_nobody_takes_for_a_day_expires_with_its_reason(
    stored: Store, receiver: Receiver
) -> None:
    deliver(stored)
    states(stored, 0, "violated")
    receiver.is_down = True
    tell(stored, receiver, T0)
    tell(stored, receiver, T0 + LOOK_BACK_SECONDS)
    [row] = stored.read(lambda connection: outbox(connection, 10))
    assert row["status"] == "expired"
    assert "the receiver answered 500" in row["reason"]


def test_a_silence_holds_for_its_sla_and_its_time(stored: Store, receiver: Receiver) -> None:
    deliver(stored)
    service.add_silence(stored, Silence("s", "silence", T0 - 60, T0 + 60, "shop", "high"))
    states(stored, 0, "violated", "violated")
    tell(stored, receiver, T0)
    assert receiver.events() == [("shop", "low", "violated")]
    states(stored, 1, "ok", "ok")
    tell(stored, receiver, T0 + STEP)
    assert receiver.events()[1:] == [("shop", "high", "ok"), ("shop", "low", "ok")]
    assert statuses(stored).count("silenced") == 1


def test_an_acknowledgement_ends_with_the_next_ok(stored: Store, receiver: Receiver) -> None:
    deliver(stored)
    states(stored, 0, "at_risk")
    tell(stored, receiver, T0)
    service.add_silence(stored, Silence("a", "acknowledgement", T0 + 1, None, "shop"))
    for at, high in ((1, "violated"), (2, "ok"), (3, "violated")):
        states(stored, at, high)
        tell(stored, receiver, T0 + STEP * at)
    assert [state for _, _, state in receiver.events()] == ["at_risk", "ok", "violated"]


def test_planned_downtime_is_silent(stored: Store, receiver: Receiver) -> None:
    deliver(stored)
    window = maintenance.window_from_text(
        "move", "2023-11-14T22:20:00Z", "15m", "shop", (), "", "UTC", ""
    )  # from T0 + 360 on
    maintenance.add(stored, window, by="test", at=T0)
    for at, high in enumerate(["ok", "maintenance", "violated", "ok", "violated"]):
        states(stored, at, high, "ok")
        tell(stored, receiver, T0 + STEP * at)
    assert receiver.events() == [("shop", "high", "ok"), ("shop", "high", "violated")]


def test_a_target_of_openslo_is_reached_once_somebody_says_how(stored: Store) -> None:
    with pytest.raises(NotFound, match="there is no target 'ops'"):
        service.get_delivery(stored, "ops")
    deliver(stored, cooldown_seconds=60)
    assert [(t.name, d and d.cooldown_seconds) for t, d in service.list_targets(stored)] == [("ops", 60)]
    service.remove_delivery(stored, "ops")
    with pytest.raises(NotFound, match="not reached yet"):
        service.get_delivery(stored, "ops")
    with pytest.raises(NotFound, match="no delivery of a target 'ops'"):
        service.remove_delivery(stored, "ops")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "pigeon"}, "'pigeon' is no kind"),
        ({"connection": ""}, "name the Airflow connection"),
        ({"kind": "email"}, "an e-mail needs recipients"),
        ({"kind": "email", "recipients": ("a b@c.d",)}, "is no address"),
        ({"kind": "email", "recipients": ("a@b.c\nBcc: d@e.f",)}, "is no address"),
        ({"recipients": ("a@b.c",)}, "nothing else has them"),
        ({"states": ("ok",)}, "'ok' is no state to be told of"),
        ({"cooldown_seconds": -1}, "0 to 7 days"),
        ({"group_by": "moon"}, "group by sla, sli or all"),
    ],
)
def test_a_delivery_that_cannot_be_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(FinalError, match=words):
        Delivery(**({"target_name": "ops", "kind": "webhook", "connection": "hook"} | given))  # type: ignore[arg-type] # as the test says


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ends_at": None}, "needs an end"),
        ({"ends_at": 0}, "ends before it begins"),
        ({"sla_name": None}, "either an SLA or labels"),
        ({"labels": (("a", "b"),)}, "either an SLA or labels"),
        ({"sla_name": None, "sli_name": "x", "labels": (("a", "b"),)}, "name that too"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(given: dict[str, object], words: str) -> None:
    whole = {"name": "s", "kind": "silence", "starts_at": 0, "ends_at": 1, "sla_name": "shop"} | given
    with pytest.raises(FinalError, match=words):
        Silence(**whole)  # type: ignore[arg-type] # as the test says
