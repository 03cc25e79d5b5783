"""What operators change by hand: it is done, and kept with who and why."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer
from sqlalchemy import Connection

from foresight.errors import FinalError, MessageRejected, NotFound
from foresight.messaging import Message, drain
from foresight.services import upkeep
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.store import Store, find_publication
from foresight.store.models import Change
from foresight.store.scoring import close_batch, find_stream, open_batch
from foresight.store.slices import read_offsets, save_offsets, save_rows
from foresight.store.tables import dead_letter
from foresight.store.upkeep import list_changes, list_publications
from foresight.wiring.connections import open_results

TOPIC, STREAM = "announcements", "kafka:in>iris@champion"
ME = Change("me", 1_700_000_000, "the topic was too small")


@pytest.fixture
def store(home: Any) -> Store:
    return open_results()


@pytest.fixture
def kafka(broker: dict[str, str]) -> dict[str, str]:
    Producer(broker).list_topics(TOPIC, timeout=10)
    return broker


def messages(as_of: int) -> list[Message]:
    return [Message(f"{number}:{as_of}", None, b"x") for number in range(2)]


def set_aside(store: Store, kafka: dict[str, str], error: Exception) -> None:
    def broken(_: int) -> Any:
        raise error

    store.transact(lambda c: open_publication(c, TOPIC, 600, WHOLE, is_wanted=True), lock=LOCK)
    with pytest.raises(type(error)):
        publish_pending(store, kafka, TOPIC, broken)


def row(store: Store) -> dict[str, Any]:
    return store.read(lambda connection: find_publication(connection, TOPIC, 600, WHOLE)) or {}


def changes(store: Store, kind: str) -> list[tuple[str, str, str]]:
    found = store.read(lambda connection: list_changes(connection, kind))
    return [(one.action, one.changed_by, one.reason) for one in found]


def test_a_publication_that_was_set_aside_is_requeued_and_sent(store: Store, kafka: dict[str, str]) -> None:
    set_aside(store, kafka, MessageRejected("too large"))
    assert [one.state for one in store.read(list_publications)] == ["set_aside"]
    upkeep.requeue_publication(store, TOPIC, 600, ME)
    assert publish_pending(store, kafka, TOPIC, messages) == {f"{TOPIC}/600/all": 2}
    assert (row(store)["state"], row(store)["n_attempts"], row(store)["reason"]) == ("published", None, None)
    assert changes(store, "publication") == [("requeued", "me", ME.note)]


def test_a_publication_that_is_abandoned_is_not_sent(store: Store, kafka: dict[str, str]) -> None:
    set_aside(store, kafka, MessageRejected("too large"))
    upkeep.abandon_publication(store, TOPIC, 600, ME)
    assert publish_pending(store, kafka, TOPIC, messages) == {}
    assert row(store)["state"] == "abandoned"
    assert store.read(list_publications) == []
    (held,) = store.read(lambda connection: list_changes(connection, "publication"))
    assert held.held["state"] == "set_aside"
    assert held.subject == f"{TOPIC}/1970-01-01T00:10:00Z/all"


def test_what_was_published_or_is_not_there_is_not_changed(store: Store, kafka: dict[str, str]) -> None:
    with pytest.raises(NotFound, match="no publication"):
        upkeep.requeue_publication(store, TOPIC, 600, ME)
    store.transact(lambda c: open_publication(c, TOPIC, 600, WHOLE, is_wanted=True), lock=LOCK)
    publish_pending(store, kafka, TOPIC, messages)
    for change in (upkeep.requeue_publication, upkeep.abandon_publication):
        with pytest.raises(FinalError, match="was published"):
            change(store, TOPIC, 600, ME)
    assert changes(store, "publication") == []


def test_a_change_without_a_reason_is_none(store: Store, kafka: dict[str, str]) -> None:
    set_aside(store, kafka, MessageRejected("too large"))
    with pytest.raises(FinalError, match="say why"):
        upkeep.abandon_publication(store, TOPIC, 600, Change("me", 1, " "))
    assert row(store)["state"] == "set_aside"


def opened_batch(store: Store) -> None:
    fields = {"offsets": {"0": 5}, "until": {"0": 9}, "model_name": "iris", "model_version": 1, "plan": {}}

    def work(connection: Connection) -> None:
        for number in (1, 2):
            open_batch(connection, STREAM, number, fields, 1)
            if number == 1:
                close_batch(connection, STREAM, number, 1)

    store.transact(work)


def test_a_batch_that_cannot_be_finished_is_skipped(store: Store) -> None:
    opened_batch(store)
    assert upkeep.skip_batch(store, STREAM, ME) == 2
    found = store.read(lambda connection: find_stream(connection, STREAM))
    assert found is not None
    assert (found.number, found.offsets, found.until) == (3, {"0": 9}, None)
    with pytest.raises(FinalError, match="nothing to skip"):
        upkeep.skip_batch(store, STREAM, ME)
    with pytest.raises(NotFound, match="no stream"):
        upkeep.skip_batch(store, "x", ME)
    assert changes(store, "stream") == [("skipped", "me", ME.note)]


@pytest.mark.parametrize(("to", "offsets"), [("beginning", {}), ("end", {"0": 3, "1": 0, "2": 0, "3": 0})])
def test_a_stream_is_reset(store: Store, broker: dict[str, str], to: str, offsets: dict[str, int]) -> None:
    producer = Producer(broker)
    for _ in range(3):
        producer.produce("in", b"x", partition=0)
    producer.flush(10)
    opened_batch(store)
    upkeep.reset_stream(store, STREAM, ME, to, broker)
    found = store.read(lambda connection: find_stream(connection, STREAM))
    assert found is not None
    assert (found.number, found.offsets, found.until) == (3, offsets, None)
    assert changes(store, "stream") == [("reset", "me", ME.note)]


def test_a_topic_whose_events_are_stored_is_read_anew(store: Store, kafka: dict[str, str]) -> None:
    store.transact(lambda connection: save_offsets(connection, TOPIC, {0: 7}, 1, "old"))
    upkeep.reset_stream(store, f"kafka:{TOPIC}", ME, "beginning", kafka)
    assert store.read(lambda connection: read_offsets(connection, TOPIC)) == {0: 0}
    for stream, to in (("kafka:nothing", "beginning"), (STREAM, "middle"), ("table:x>m@a", "end")):
        with pytest.raises(FinalError):
            upkeep.reset_stream(store, stream, ME, to, None)


def letter(store: Store, value_bytes: int = 5) -> None:
    store.transact(lambda connection: save_rows(connection, dead_letter, [{
        "topic": TOPIC, "partition_number": 0, "message_offset": 7, "as_of": 600, "reason": "unreadable",
        "n_values": 1, "n_stored": 0, "n_rejected": 1, "timestamp_ms": 1, "message_key": "a2V5",
        "message_value": "dmFsdWU=", "value_bytes": value_bytes, "headers": [["h", "aA=="]],
    }]))  # fmt: skip


def test_a_dead_letter_goes_to_its_topic_again(store: Store, kafka: dict[str, str]) -> None:
    letter(store)
    upkeep.requeue_dead_letter(store, kafka, TOPIC, 0, 7, ME)
    (message,) = drain(kafka, TOPIC, {}).messages
    assert (message.key, message.value) == (b"key", b"value")
    assert dict(message.headers)["h"] == b"h"
    assert dict(message.headers)["id"] == f"{TOPIC}:0:7".encode()
    upkeep.abandon_dead_letter(store, TOPIC, 0, 7, ME)
    assert changes(store, "dead_letter") == [("abandoned", "me", ME.note), ("requeued", "me", ME.note)]
    with pytest.raises(NotFound, match="no dead letter"):
        upkeep.abandon_dead_letter(store, TOPIC, 0, 8, ME)


def test_a_dead_letter_that_is_not_kept_whole_is_not_sent(store: Store, kafka: dict[str, str]) -> None:
    letter(store, 9)
    with pytest.raises(FinalError, match="not kept whole"):
        upkeep.requeue_dead_letter(store, kafka, TOPIC, 0, 7, ME)
    assert drain(kafka, TOPIC, {}).messages == ()
    assert changes(store, "dead_letter") == []
