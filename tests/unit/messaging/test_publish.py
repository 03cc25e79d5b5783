"""Publishing on the embedded broker; the same code is held against a real one in tests/integration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from foresight.errors import BrokerUnavailable, MessageRejected, NotFound
from foresight.messaging import (
    Delivered,
    Message,
    Publication,
    Publishers,
    delivered_ids,
    drain,
    end_offsets,
    publish,
)
from foresight.messaging.connection import Connection
from foresight.messaging.publish import _span_since
from foresight.messaging.sender import Sender
from foresight.messaging.topics import Span

BATCH = [Message(f"m{number}", b"key-%d" % (number % 7), b"%d" % number) for number in range(200)]
ONCE_EACH = Counter({message.id: 1 for message in BATCH})


def ids_on(config: dict[str, str], topic: str) -> Counter[str]:
    return Counter(
        (dict(message.headers)["id"] or b"").decode() for message in drain(config, topic, {}).messages
    )


@pytest.fixture
def publication(config: dict[str, str], topic: str) -> Publication:
    return Publication("batch", end_offsets(config, topic))


class Fenced:
    """A producer whose transactions another one has taken over: every call says so, ``poll`` too."""

    def refuse(self, *_: object) -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))

    init_transactions = poll = refuse

    def purge(self) -> None: ...

    def flush(self, *_: object) -> int:
        return 0


def test_a_batch_that_another_process_took_over_is_told_so_though_the_error_is_fatal(
    config: dict[str, str], topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(config)
    monkeypatch.setattr(connection, "producer", lambda **_: Fenced())
    with pytest.raises(BrokerUnavailable, match="another process has taken this batch over"):
        Sender(connection, topic, "batch", 5.0).__enter__()


def test_every_message_arrives_once_with_key_value_and_headers(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    messages = [*BATCH, Message("bare", None, None, (("trace", b"abc"), ("none", None)))]
    delivered = publish(config, topic, messages, publication)
    received = {
        (dict(message.headers)["id"] or b"").decode(): message
        for message in drain(config, topic, {}).messages
    }
    assert delivered == Delivered(len(messages), 0)
    assert [(received[m.id].key, received[m.id].value) for m in messages] == [
        (m.key, m.value) for m in messages
    ]
    assert received["bare"].headers == (
        ("trace", b"abc"),
        ("none", None),
        ("id", b"bare"),
        ("batch", b"batch"),
    )


def test_messages_of_one_key_keep_their_order(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    publish(config, topic, BATCH, publication)
    arrived = drain(config, topic, {}).messages
    for key in {message.key for message in BATCH}:
        assert [m.value for m in arrived if m.key == key] == [m.value for m in BATCH if m.key == key]


@pytest.mark.parametrize("transactional_id", ["foresight.", ""])
@pytest.mark.parametrize("stop", [0, 1, 77, 199])
def test_what_failed_half_way_is_completed_by_the_next_call(
    config: dict[str, str], topic: str, publication: Publication, stop: int, transactional_id: str
) -> None:
    settings = {**config, "transactional.id": transactional_id}

    def failing() -> Iterator[Message]:
        yield from BATCH[:stop]
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        publish(settings, topic, failing(), publication)
    assert publish(settings, topic, BATCH, publication).total == len(BATCH)
    assert ids_on(config, topic) == ONCE_EACH


def test_a_batch_that_is_there_is_not_sent_again(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    publish(config, topic, BATCH, publication)
    assert publish(config, topic, BATCH, publication) == Delivered(0, len(BATCH))


def test_only_messages_of_the_same_batch_count_as_there(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    publish(config, topic, BATCH[:5], publication)
    assert publish(config, topic, BATCH[:5], Publication("next", publication.start_offsets)).sent == 5


def test_an_empty_batch_is_delivered(config: dict[str, str], topic: str, publication: Publication) -> None:
    assert publish(config, topic, [], publication) == Delivered(0, 0)


def test_a_batch_larger_than_a_transaction_arrives_whole(
    config: dict[str, str], topic: str, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foresight.messaging.sender.TRANSACTION_MESSAGES", 30)
    assert publish(config, topic, BATCH, publication).sent == len(BATCH)
    assert ids_on(config, topic) == ONCE_EACH


def test_a_full_queue_is_waited_for(config: dict[str, str], topic: str, publication: Publication) -> None:
    narrow = {**config, "queue.buffering.max.messages": 3, "linger.ms": 0}
    assert publish(narrow, topic, BATCH, publication).sent == len(BATCH)
    assert ids_on(config, topic) == ONCE_EACH


def test_an_id_that_comes_twice_is_refused(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    with pytest.raises(MessageRejected, match="two messages with the id m3"):
        publish(config, topic, [*BATCH[:5], BATCH[3]], publication)


def test_a_message_too_large_is_named_with_its_size(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    small = {**config, "message.max.bytes": 2000}
    with pytest.raises(MessageRejected, match=r"key 'huge' of 5004 bytes is larger than the broker takes"):
        publish(small, topic, [*BATCH[:3], Message("huge", b"huge", bytes(5000))], publication)


def test_a_broker_that_is_away_is_reported_within_the_time_given() -> None:
    with pytest.raises(BrokerUnavailable, match=r"batch b.*127\.0\.0\.1:1.*Connection refused"):
        publish({"bootstrap.servers": "127.0.0.1:1"}, "topic", BATCH, Publication("b", {0: 0}), seconds=1.5)


def test_batches_that_follow_each_other_under_one_name_are_each_there_once(
    config: dict[str, str], topic: str
) -> None:
    with Publishers(config) as publishers:
        publisher = publishers.enter(topic, "name")
        assert publishers.enter(topic, "name") is publisher
        for number, part in enumerate((BATCH[:120], BATCH[120:])):
            publication = Publication(f"name/{number}", end_offsets(config, topic))
            assert publisher.publish(part, publication, is_new=True) == Delivered(len(part), 0)
            assert publisher.publish(part, publication) == Delivered(0, len(part))
    assert ids_on(config, topic) == ONCE_EACH


def test_ids_are_read_from_the_given_offsets_on(
    config: dict[str, str], topic: str, publication: Publication
) -> None:
    publish(config, topic, BATCH[:20], publication)
    later = end_offsets(config, topic)
    publish(config, topic, BATCH[:30], publication)
    start = publication.start_offsets
    assert delivered_ids(config, topic, start, "batch") == {message.id for message in BATCH[:30]}
    assert delivered_ids(config, topic, later, "batch") == {message.id for message in BATCH[20:30]}


@pytest.mark.parametrize(
    ("start_offsets", "expected"),
    [
        ({0: 30}, Span(30, 90)),
        ({0: 90}, Span(90, 90)),
        ({}, Span(20, 90)),  # a partition that is new since then
        ({0: 91}, Span(20, 90)),  # a topic that was made anew
    ],
)
def test_a_partition_is_read_back_from_where_the_batch_may_begin(
    start_offsets: dict[int, int], expected: Span
) -> None:
    assert _span_since("topic", 0, start_offsets, Span(20, 90)) == expected


def test_a_batch_whose_beginning_was_deleted_is_not_guessed_at() -> None:
    with pytest.raises(NotFound, match=r"topic\[0\] begins at 20, the publication at 19"):
        _span_since("topic", 0, {0: 19}, Span(20, 90))
