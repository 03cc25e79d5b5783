"""Publications: each message once, whoever asks, and nobody keeps the others back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foresight.errors import MessageRejected
from foresight.messaging import Message, drain
from foresight.messaging.embedded import start_broker
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


def opened(store: Store, as_of: int, *, is_wanted: bool = True, n_expected: int | None = None) -> str:
    def work(connection) -> str:  # type: ignore[no-untyped-def]
        open_publication(connection, TOPIC, as_of, WHOLE, is_wanted=is_wanted, n_expected=n_expected)
        return str(find_publication(connection, TOPIC, as_of, WHOLE)["state"])

    return store.transact(work, lock=LOCK)


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


def test_an_interval_that_has_more_to_say_sends_only_that(store: Store, servers: str) -> None:
    opened(store, 600)
    publish_pending(store, {"bootstrap.servers": servers}, TOPIC, lambda as_of: messages(as_of, 2))
    assert opened(store, 600, n_expected=2) == "published"
    assert opened(store, 600, n_expected=3) == "pending"
    publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages)
    assert ids(servers) == [b"0:600", b"1:600", b"2:600"]


def test_a_word_that_was_given_is_not_taken_back(store: Store, servers: str) -> None:
    opened(store, 600)
    assert opened(store, 600, is_wanted=False) == "pending"
    publish_pending(store, {"bootstrap.servers": servers}, TOPIC, messages)
    assert opened(store, 600, is_wanted=False, n_expected=9) == "published"


def test_one_that_cannot_be_sent_does_not_keep_the_others_back(store: Store, servers: str) -> None:
    for as_of in (600, 1200, 1800):
        opened(store, as_of)

    def some(as_of: int) -> list[Message]:
        return messages(as_of) if as_of != 1200 else [*messages(as_of, 1), *messages(as_of, 1)]

    with pytest.raises(MessageRejected, match="two messages with the id"):
        publish_pending(store, {"bootstrap.servers": servers}, TOPIC, some)
    assert {id_.partition(b":")[2] for id_ in ids(servers)} >= {b"600", b"1800"}
    assert opened(store, 1200) == "pending"
