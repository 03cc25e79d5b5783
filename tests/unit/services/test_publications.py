"""Publications: each message once, whoever asks, and nobody keeps the others back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foresight.errors import BrokerRefused, BrokerUnavailable, MessageRejected
from foresight.messaging import INSTALLATION, Message, drain
from foresight.messaging.embedded import start_broker
from foresight.services import publications
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.store import Store, find_publication, migrate, open_store

TOPIC = "announcements"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'results.db'}")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def servers() -> Iterator[str]:
    owner, address = start_broker([TOPIC])
    yield address
    del owner


def opened(store: Store, as_of: int, *, is_wanted: bool = True, content: str | None = None) -> str:
    def work(connection) -> str:  # type: ignore[no-untyped-def]
        open_publication(connection, TOPIC, as_of, WHOLE, is_wanted=is_wanted, content=content)
        return str(find_publication(connection, TOPIC, as_of, WHOLE)["state"])

    return store.transact(work, lock=LOCK)


def state_of(store: Store, as_of: int) -> dict[str, Any]:
    return store.read(lambda connection: find_publication(connection, TOPIC, as_of, WHOLE)) or {}


def messages(as_of: int, n: int = 3) -> list[Message]:
    return [Message(f"{number}:{as_of}", None, b"said") for number in range(n)]


def ids(servers: str) -> list[bytes]:
    return sorted(dict(m.headers)["id"] for m in drain({"bootstrap.servers": servers}, TOPIC, {}).messages)


def test_what_waits_is_sent_once_and_what_is_skipped_is_not(store: Store, servers: str) -> None:
    assert opened(store, 600) == "pending"
    assert opened(store, 1200, is_wanted=False) == "skipped"
    assert publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages) == {
        f"{TOPIC}/600/{WHOLE}": 3
    }
    assert publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages) == {}
    assert ids(servers) == [b"0:600", b"1:600", b"2:600"]


def test_an_interval_that_has_something_else_to_say_sends_only_that(store: Store, servers: str) -> None:
    kafka = {"bootstrap.servers": servers}
    opened(store, 600, content="a")
    publish_pending(store, kafka, TOPIC, lambda as_of: messages(as_of, 2))
    assert opened(store, 600, content="a") == "published"
    assert opened(store, 600, content="b") == "pending"  # as many messages, but others
    publish_pending(store, kafka, TOPIC, lambda as_of: messages(as_of, 3)[1:])
    assert ids(servers) == [b"0:600", b"1:600", b"2:600"]
    assert opened(store, 600, content="b") == "published"


def test_what_comes_while_a_run_sends_is_announced_by_the_next(store: Store, servers: str) -> None:
    kafka = {"bootstrap.servers": servers}
    opened(store, 600, content="one")

    def while_sending(as_of: int) -> Iterator[Message]:
        yield from messages(as_of, 1)
        opened(store, 600, content="three")

    assert publish_pending(store, kafka, TOPIC, while_sending) == {f"{TOPIC}/600/{WHOLE}": 1}
    assert state_of(store, 600)["state"] == "pending"
    assert publish_pending(store, kafka, TOPIC, messages) == {f"{TOPIC}/600/{WHOLE}": 3}
    assert state_of(store, 600)["state"] == "published"
    assert ids(servers) == [b"0:600", b"1:600", b"2:600"]


def test_a_word_that_was_given_is_not_taken_back(store: Store, servers: str) -> None:
    opened(store, 600)
    assert opened(store, 600, is_wanted=False) == "pending"
    publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages)
    assert opened(store, 600, is_wanted=False, content="other") == "published"


def twice(as_of: int) -> list[Message]:
    return messages(as_of) if as_of != 1200 else [*messages(as_of, 1), *messages(as_of, 1)]


def test_one_that_cannot_be_sent_is_set_aside_and_keeps_no_run_red(store: Store, servers: str) -> None:
    kafka = {"bootstrap.servers": servers}
    for as_of in (600, 1200, 1800):
        opened(store, as_of)
    with pytest.raises(MessageRejected, match="two messages with the id"):
        publish_pending(store, kafka, TOPIC, twice)
    assert {id_.partition(b":")[2] for id_ in ids(servers)} == {b"600", b"1800"}
    dead = state_of(store, 1200)
    assert (dead["state"], dead["n_attempts"]) == ("set_aside", 1)
    assert "two messages with the id" in dead["reason"]
    assert publish_pending(store, kafka, TOPIC, twice) == {}
    assert opened(store, 1200) == "set_aside"
    assert opened(store, 1200, content="mended") == "pending"


def test_a_fault_of_the_program_sets_nothing_aside_and_keeps_nothing_back(store: Store, servers: str) -> None:
    opened(store, 600)
    opened(store, 1200)

    def broken(as_of: int) -> list[Message]:
        if as_of == 600:
            raise KeyError("outcome")
        return messages(as_of)

    with pytest.raises(KeyError):
        publish_pending(store, {"bootstrap.servers": servers}, TOPIC, broken)
    assert [state_of(store, as_of)["state"] for as_of in (600, 1200)] == ["pending", "published"]
    assert publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages) == {
        f"{TOPIC}/600/{WHOLE}": 3
    }


def test_many_that_fail_do_not_starve_the_newest(
    store: Store, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = {"bootstrap.servers": servers}
    monkeypatch.setattr(publications, "AT_ONCE", 3)
    for number in range(1, 6):
        opened(store, number * 600)

    def unlucky(as_of: int) -> list[Message]:
        if as_of <= 1800:
            raise BrokerUnavailable("not now")
        return messages(as_of, 1)

    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            publish_pending(store, kafka, TOPIC, unlucky)
    assert ids(servers) == [b"0:2400", b"0:3000"]
    assert {state_of(store, as_of)["state"] for as_of in (600, 1200, 1800)} == {"pending"}
    publish_pending(store, kafka, TOPIC, messages)
    assert {state_of(store, as_of)["state"] for as_of in (600, 1200, 1800)} == {"published"}


def test_a_cluster_that_refuses_us_sets_nothing_aside(store: Store, servers: str) -> None:
    opened(store, 600)

    def refused(_: int) -> list[Message]:
        raise BrokerRefused("no right to write")

    for _ in range(3):
        with pytest.raises(BrokerRefused):
            publish_pending(store, {"bootstrap.servers": servers}, TOPIC, refused)
    assert (state_of(store, 600)["state"], state_of(store, 600)["n_attempts"]) == ("pending", 3)


def test_a_publication_goes_on_at_a_broker_that_forgot_everything(store: Store) -> None:
    opened(store, 600)

    def cut_off(as_of: int) -> Iterator[Message]:
        yield from messages(as_of, 2)
        raise BrokerUnavailable("gone")

    owner, address = start_broker([TOPIC])
    with pytest.raises(BrokerUnavailable):
        publish_pending(store, {"bootstrap.servers": address}, TOPIC, cut_off)
    del owner
    owner, address = start_broker([TOPIC])
    publish_pending(store, {"bootstrap.servers": address}, TOPIC, messages)
    assert ids(address) == [b"0:600", b"1:600", b"2:600"]
    del owner


def test_installations_on_one_broker_have_topics_of_their_own(store: Store, servers: str) -> None:
    kafka = {"bootstrap.servers": servers, INSTALLATION: "east"}
    opened(store, 600)
    publish_pending(store, kafka, TOPIC, messages)
    assert ids(servers) == []
    found = drain({"bootstrap.servers": servers}, f"east.{TOPIC}", {}).messages
    assert sorted(dict(m.headers)["id"] or b"" for m in found) == [b"0:600", b"1:600", b"2:600"]
