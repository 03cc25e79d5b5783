"""Publishing to a real Kafka: every message exactly once, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from foresight.errors import BrokerUnavailable, MessageRejected, NotFound
from foresight.messaging import (
    Delivered,
    Message,
    Publication,
    Publishers,
    delivered_ids,
    end_offsets,
    ensure_topic,
    publish,
    topic_id,
)
from tests.integration.kafka_topics import (
    delete_records,
    ids_on,
    make_anew,
    new_topic,
    new_topic_named,
    stranger,
)
from tests.integration.publish_and_die import AT_ONCE, batch_of

pytestmark = pytest.mark.kafka

COUNT = 3000
BATCH = batch_of(COUNT)
ONCE_EACH = Counter({message.id: 1 for message in BATCH})


def opened(servers: str, topic: str, batch: str = "batch") -> tuple[dict[str, str], Publication]:
    """A connection's settings, and a publication opened now."""
    config = {"bootstrap.servers": servers}
    return config, Publication(batch, end_offsets(config, topic))


def test_a_batch_arrives_once_and_a_second_call_sends_nothing(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers)
    config, publication = opened(kafka_servers, topic)
    first = publish(config, topic, BATCH, publication)
    second = publish(config, topic, iter(BATCH), publication)
    assert (first.sent, first.already_there) == (COUNT, 0)
    assert second == Delivered(sent=0, already_there=COUNT)
    assert ids_on(kafka_servers, topic) == ONCE_EACH


@pytest.mark.parametrize(
    ("point", "prefix", "already_there"),
    [
        ("0", "test.", 0),
        ("1700", "test.", 0),
        ("2000", "test.", AT_ONCE),
        ("2999", "test.", AT_ONCE),
        ("before-commit", "test.", 0),
        ("after-commit", "test.", AT_ONCE),
        ("1700", "", 1700),
    ],
)
def test_a_publisher_killed_at_any_point_is_resumed_without_loss_or_double(
    kafka_servers: str, point: str, prefix: str, already_there: int
) -> None:
    topic = new_topic(kafka_servers)
    config, publication = opened(kafka_servers, topic)
    config["transactional.id"] = prefix
    arguments = [
        kafka_servers,
        topic,
        "batch",
        json.dumps(publication.start_offsets),
        str(COUNT),
        point,
        prefix,
    ]
    died = subprocess.run(
        [sys.executable, "-m", "tests.integration.publish_and_die", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert died.returncode == -9, died.stderr.decode()

    resumed = publish(config, topic, BATCH, publication)

    assert resumed.total == COUNT
    assert resumed.already_there == already_there
    assert ids_on(kafka_servers, topic) == ONCE_EACH


def test_a_publisher_that_was_overtaken_adds_nothing(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers)
    config, publication = opened(kafka_servers, topic)
    overtaking: list[Delivered] = []

    def overtaken() -> Iterator[Message]:
        for number, message in enumerate(BATCH):
            if number == COUNT // 2:
                overtaking.append(publish(config, topic, BATCH, publication))
            yield message

    with pytest.raises(BrokerUnavailable, match="another process has taken this batch over"):
        publish(config, topic, overtaken(), publication)
    assert overtaking[0].sent == COUNT
    assert ids_on(kafka_servers, topic) == ONCE_EACH


def test_a_publisher_of_a_name_is_shut_out_of_batches_that_another_one_opens(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers)
    config, first = opened(kafka_servers, topic, "name/1")
    with Publishers(config) as earlier, Publishers(config) as later:
        old = earlier.enter(topic, "name")
        old.publish(BATCH[:10], first, is_new=True)
        new = later.enter(topic, "name")
        _, second = opened(kafka_servers, topic, "name/2")
        with pytest.raises(BrokerUnavailable, match="another process has taken this batch over"):
            old.publish(BATCH[10:20], second)
        new.publish(BATCH[10:20], second, is_new=True)
    assert ids_on(kafka_servers, topic) == Counter(message.id for message in BATCH[:20])


def test_publishers_that_race_for_one_batch_and_try_again_deliver_it_once(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers)
    config, publication = opened(kafka_servers, topic)
    done: list[Delivered] = []

    def race() -> None:
        for _ in range(10):
            try:
                done.append(publish(config, topic, BATCH, publication))
            except BrokerUnavailable:
                continue
            return

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [delivered.total for delivered in done] == [COUNT, COUNT]
    assert ids_on(kafka_servers, topic) == ONCE_EACH


def test_two_batches_on_one_topic_do_not_disturb_each_other(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers)
    config, publication = opened(kafka_servers, topic)
    _, other = opened(kafka_servers, topic, "other")
    publish(config, topic, BATCH[:10], publication)
    publish(config, topic, BATCH[:20], other)
    assert {message.id for message in BATCH[:10]} == delivered_ids(
        config, topic, publication.start_offsets, "batch"
    )
    assert {message.id for message in BATCH[:20]} == delivered_ids(
        config, topic, other.start_offsets, "other"
    )


def test_messages_behind_an_open_transaction_of_others_are_not_taken_for_missing(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers, partitions=1)
    config, publication = opened(kafka_servers, topic)
    other = stranger(kafka_servers, f"other-{topic}")
    other.begin_transaction()
    other.produce(topic, b"not committed yet", headers={"id": "theirs"})
    other.flush(20)
    publish(config, topic, BATCH[:10], publication)
    with pytest.raises(BrokerUnavailable, match="transaction may be open"):
        publish(config, topic, BATCH[:10], publication, seconds=2)
    other.abort_transaction(20)
    assert publish(config, topic, BATCH[:10], publication).already_there == 10
    assert ids_on(kafka_servers, topic) == Counter(message.id for message in BATCH[:10])


def test_a_message_too_large_is_named_and_nothing_of_its_batch_is_seen(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers, max_message_bytes="100000")
    config, publication = opened(kafka_servers, topic)
    huge = Message("huge", b"the-key", os.urandom(400_000))
    with pytest.raises(MessageRejected, match="key 'the-key' of 400007 bytes is larger"):
        publish(config, topic, [*BATCH[:5], huge, *BATCH[5:10]], publication)
    assert ids_on(kafka_servers, topic) == Counter()
    assert publish(config, topic, BATCH[:10], publication).sent == 10


def test_what_retention_made_unknowable_is_refused(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers, partitions=1)
    config, publication = opened(kafka_servers, topic)
    publish(config, topic, BATCH[:10], publication)
    delete_records(kafka_servers, topic, before=5)
    with pytest.raises(NotFound, match="open a new publication"):
        publish(config, topic, BATCH[:10], publication)


def test_a_topic_is_made_once_with_the_partitions_asked_for(kafka_servers: str) -> None:
    config = {"bootstrap.servers": kafka_servers}
    topic = f"made-{os.getpid()}"
    ensure_topic(config, topic, partitions=5)
    ensure_topic(config, topic, partitions=7)
    assert dict.fromkeys(range(5), 0) == end_offsets(config, topic)


def test_a_question_about_an_unknown_topic_does_not_create_it(kafka_servers: str) -> None:
    config = {"bootstrap.servers": kafka_servers}
    for _ in range(2):
        with pytest.raises(NotFound, match="nowhere-to-be-found"):
            end_offsets(config, "nowhere-to-be-found")


def test_a_batch_whose_topic_was_made_anew_is_sent_to_the_new_one_once(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    mine = [Message(str(number), None, b"x") for number in range(3)]
    publish(config, topic, [Message(str(n), None, b"y") for n in range(9)], Publication("a", {}))
    batch = Publication("b", end_offsets(config, topic), topic_id(config, topic))
    make_anew(kafka_servers, topic)
    publish(config, topic, [Message(str(n), None, b"y") for n in range(20)], Publication("c", {}))
    assert publish(config, topic, mine[:2], batch).sent == 2
    assert publish(config, topic, mine, batch) == Delivered(1, 2)


def test_names_that_read_alike_when_glued_do_not_shut_each_other_out(kafka_servers: str) -> None:
    config, topic = {"bootstrap.servers": kafka_servers}, new_topic(kafka_servers, partitions=1)
    new_topic_named(kafka_servers, f"{topic}.scored")
    with Publishers(config) as publishers:
        pairs = [(topic, "scored.x"), (f"{topic}.scored", "x")]
        entered = [publishers.enter(*pair) for pair in pairs]
        for publisher, (name, _) in zip(entered, pairs, strict=True):
            publication = Publication("b", end_offsets(config, name))
            assert publisher.publish([Message("1", None, b"x")], publication).sent == 1


def test_a_message_too_large_is_known_by_its_key_and_value(kafka_servers: str) -> None:
    topic = new_topic(kafka_servers, partitions=1, max_message_bytes="20000")
    config = {"bootstrap.servers": kafka_servers, "compression.type": "none"}
    messages = [Message("small", None, b"x"), Message("large", b"k", os.urandom(50_000))]
    with pytest.raises(MessageRejected) as raised:
        publish(config, topic, messages, Publication("b", end_offsets(config, topic)))
    assert raised.value.refused == messages[1][1:3]
