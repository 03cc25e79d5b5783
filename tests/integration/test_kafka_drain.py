"""Draining a real Kafka: everything once, past markers, gaps and new partitions."""

from __future__ import annotations

import os

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from foresight.errors import BrokerUnavailable
from foresight.messaging import (
    Gap,
    Message,
    Publication,
    Received,
    dead_letter,
    drain,
    end_offsets,
    publish,
)
from foresight.messaging.connection import Connection
from foresight.messaging.reading import SpanReader
from foresight.messaging.topics import Span
from tests.integration.kafka_topics import delete_records, make_anew, new_topic, stranger

pytestmark = pytest.mark.kafka


def send(servers: str, topic: str, values: list[bytes], partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": servers})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def values_of(drained: object) -> list[bytes]:
    return [message.value for message in drained.messages]  # type: ignore[attr-defined]


def numbered(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


def test_each_message_is_read_once_over_several_drains(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers)
    offsets: dict[int, int] = {}
    seen: list[bytes] = []
    for start in (0, 50, 100):
        for partition in range(3):
            send(kafka_servers, topic, numbered(*range(start + partition, start + 50, 3)), partition)
        while True:
            drained = drain(config, topic, offsets, max_messages=21)
            offsets = drained.offsets
            seen += values_of(drained)
            if not drained.remaining:
                break
    assert sorted(seen, key=int) == numbered(*range(150))


def test_markers_at_the_end_of_the_log_are_passed(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    other = stranger(kafka_servers, f"other-{topic}")
    other.begin_transaction()
    other.produce(topic, b"kept")
    other.commit_transaction(30)
    other.begin_transaction()
    other.produce(topic, b"taken back")
    other.flush(30)
    other.abort_transaction(30)
    drained = drain(config, topic, {})
    assert values_of(drained) == [b"kept"]
    assert drained.offsets == {0: 4} == end_offsets(config, topic)
    assert drained.remaining == 0
    assert drain(config, topic, drained.offsets).messages == ()


def test_messages_of_an_open_transaction_are_left_for_a_later_drain(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, [b"before"])
    other = stranger(kafka_servers, f"other-{topic}")
    other.begin_transaction()
    other.produce(topic, b"open")
    other.flush(30)
    send(kafka_servers, topic, [b"behind"])
    first = drain(config, topic, {})
    other.commit_transaction(30)
    second = drain(config, topic, first.offsets)
    assert (values_of(first), first.offsets) == ([b"before"], {0: 1})
    assert values_of(second) == [b"open", b"behind"]


def test_what_retention_deleted_unread_is_reported(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, numbered(*range(10)))
    delete_records(kafka_servers, topic, before=6)
    drained = drain(config, topic, {0: 2})
    assert values_of(drained) == numbered(6, 7, 8, 9)
    assert drained.gaps == (Gap(partition=0, wanted=2, resumed=6),)


def test_what_is_deleted_while_it_is_read_is_not_skipped(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, numbered(*range(10)))
    delete_records(kafka_servers, topic, before=6)
    with pytest.raises(BrokerUnavailable, match="deleted while they were being read"):
        list(SpanReader(Connection(config), topic, {0: Span(0, 10)}, 10))


def test_a_topic_all_of_whose_messages_are_deleted_is_empty(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, numbered(*range(10)))
    delete_records(kafka_servers, topic, before=10)
    drained = drain(config, topic, {0: 10})
    assert (drained.messages, drained.offsets, drained.gaps) == ((), {0: 10}, ())


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, [b"first"])
    drained = drain(config, topic, {0: 100})
    assert values_of(drained) == [b"first"]
    assert drained.gaps == (Gap(partition=0, wanted=100, resumed=0),)


def test_partitions_added_later_are_read_from_their_beginning(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, [b"old"])
    first = drain(config, topic, {})
    admin = AdminClient(config)
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    send(kafka_servers, topic, [b"new"], partition=2)
    second = drain(config, topic, first.offsets)
    assert (values_of(first), values_of(second)) == ([b"old"], [b"new"])
    assert second.offsets == {0: 1, 1: 0, 2: 1}


def test_compacted_messages_leave_no_hole_to_wait_for(kafka_servers: str) -> None:
    config = {"bootstrap.servers": kafka_servers}
    topic = new_topic(
        kafka_servers,
        partitions=1,
        cleanup_policy="compact",
        min_cleanable_dirty_ratio="0.0",
        segment_ms="100",
        max_compaction_lag_ms="100",
    )
    send(kafka_servers, topic, [b""] * 1)
    other = stranger(kafka_servers, f"other-{topic}")
    other.begin_transaction()
    other.produce(topic, b"1", key=b"same")
    other.produce(topic, b"2", key=b"same")
    other.commit_transaction(30)
    assert drain(config, topic, {}).remaining == 0


def test_a_dead_letter_keeps_the_original_bytes_and_says_where_they_were(kafka_servers: str) -> None:
    config = {"bootstrap.servers": kafka_servers}
    topic, letters = new_topic(kafka_servers, partitions=1), new_topic(kafka_servers)
    producer = Producer(config)
    poison = os.urandom(64)
    producer.produce(
        topic, poison, key=b"\xff\x00", headers=[("id", b"theirs"), ("id", b"twice"), ("none", None)]
    )
    producer.flush(30)
    received = drain(config, topic, {}).messages[0]
    publication = Publication("letters", end_offsets(config, letters))
    letter: Message = dead_letter(received, "not JSON")
    for _ in range(2):
        publish(config, letters, [letter], publication)
    (kept,) = drain(config, letters, {}).messages
    assert (kept.key, kept.value) == (b"\xff\x00", poison)
    assert kept.headers[:3] == received.headers
    named = dict(kept.headers)
    assert named["dead-letter.reason"] == b"not JSON"
    assert (named["dead-letter.topic"], named["dead-letter.offset"]) == (topic.encode(), b"0")


def test_the_first_messages_of_a_topic_made_anew_are_not_skipped(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, numbered(1, 2, 3))
    before = drain(config, topic, {})
    make_anew(kafka_servers, topic)
    send(kafka_servers, topic, numbered(*range(10, 20)))
    found = drain(config, topic, before.offsets, topic_id=before.topic_id)
    assert values_of(found) == numbered(*range(10, 20))
    assert found.gaps == (Gap(0, 3, 0),)
    assert found.topic_id not in {None, before.topic_id}
    again = drain(config, topic, found.offsets, topic_id=found.topic_id)
    assert (again.messages, again.gaps) == ((), ())


def test_an_unknown_identity_is_no_mismatch(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    send(kafka_servers, topic, numbered(1, 2, 3))
    assert values_of(drain(config, topic, {0: 2}, topic_id=None)) == numbered(3)


def test_the_largest_letter_that_can_be_is_taken(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    headers = tuple((f"h{at}", os.urandom(3_000)) for at in range(300))
    original = Received("x" * 249, 0, 7, 1, os.urandom(900_000), os.urandom(900_000), headers)
    letter = dead_letter(original, "a reason " * 2_000)
    batch = Publication(f"{topic}/1700000000/" + "events" * 20, end_offsets(config, topic))
    assert publish(config, topic, [letter], batch).sent == 1
