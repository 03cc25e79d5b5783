"""Publications on a real Kafka: a message that no broker takes is left out, and all others arrive once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from foresight.messaging import Message
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.store import Store, find_publication, migrate, open_store
from tests.integration.kafka_topics import ids_on, make_anew, new_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'results.db'}")
    migrate(opened)
    yield opened
    opened.close()


def open_one(store: Store, topic: str, as_of: int, content: str | None = None) -> None:
    def work(connection: Connection) -> None:
        open_publication(connection, topic, as_of, WHOLE, is_wanted=True, content=content)

    store.transact(work, lock=LOCK)


def test_messages_too_large_are_left_out_and_named(store: Store, kafka_servers: str) -> None:
    topic = new_topic(kafka_servers, partitions=1, max_message_bytes="20000")
    config = {"bootstrap.servers": kafka_servers, "compression.type": "none"}
    open_one(store, topic, 600)
    sizes = {0: 10, 1: 50_000, 2: 10, 3: 60_000, 4: 10}
    made = [Message(str(number), b"%d" % number, os.urandom(size)) for number, size in sizes.items()]
    assert publish_pending(store, config, topic, lambda _: made) == {f"{topic}/600/{WHOLE}": 3}
    assert ids_on(kafka_servers, topic) == Counter({"0": 1, "2": 1, "4": 1})
    row = store.read(lambda connection: find_publication(connection, topic, 600, WHOLE)) or {}
    assert (row["state"], row["n_messages"]) == ("published", 3)
    assert row["reason"].startswith("2 messages left out")
    assert publish_pending(store, config, topic, lambda _: made) == {}


def test_a_publication_goes_on_in_a_topic_made_anew(store: Store, kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    made = [Message(str(number), None, b"x") for number in range(3)]
    open_one(store, topic, 600, "a")
    publish_pending(store, config, topic, lambda _: made[:2])
    make_anew(kafka_servers, topic)
    open_one(store, topic, 600, "b")
    publish_pending(store, config, topic, lambda _: made)
    assert ids_on(kafka_servers, topic) == Counter({"0": 1, "1": 1, "2": 1})
