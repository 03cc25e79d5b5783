"""Draining the embedded broker within bounds; gaps, markers and retention are held against a real one."""

from __future__ import annotations

import itertools

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foresight.errors import BrokerUnavailable, NotFound
from foresight.messaging import Drain, Gap, drain, end_offsets, topic_id
from foresight.messaging.drain import _gap
from foresight.messaging.topics import Span


def send(config: dict[str, str], topic: str, *values: bytes, partition: int = 0) -> None:
    producer = Producer(config)
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(10) == 0


def test_an_empty_topic_drains_to_nothing(config: dict[str, str], topic: str) -> None:
    drained = drain(config, topic, {})
    assert (drained.messages, drained.gaps, drained.remaining) == ((), (), 0)
    assert drained.offsets == end_offsets(config, topic)


def test_a_message_comes_with_its_origin(config: dict[str, str], topic: str) -> None:
    producer = Producer(config)
    producer.produce(
        topic, b"value", b"key", partition=2, timestamp=1_700_000_000_123, headers=[("a", b"1"), ("a", None)]
    )
    producer.flush(10)
    (message,) = drain(config, topic, {}).messages
    assert (message.key, message.value, message.size) == (b"key", b"value", 8 + 2 * 11 + 1)
    assert (message.topic, message.partition, message.offset) == (topic, 2, 0)
    assert message.origin == f"{topic}:2:0"
    assert message.timestamp_ms == 1_700_000_000_123
    assert message.headers == (("a", b"1"), ("a", None))


def test_a_message_without_key_and_value_is_a_message(config: dict[str, str], topic: str) -> None:
    producer = Producer(config)
    producer.produce(topic)
    producer.flush(10)
    (message,) = drain(config, topic, {}).messages
    assert (message.key, message.value, message.headers, message.size) == (None, None, (), 0)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bound=st.integers(2, 40), by_bytes=st.booleans())
def test_drains_of_any_size_add_up_to_every_message_once(
    config: dict[str, str], topic: str, bound: int, by_bytes: bool
) -> None:
    offsets = end_offsets(config, topic)
    expected = [b"%03d" % number for number in range(30)]
    for partition in range(4):
        send(config, topic, *expected[partition::4], partition=partition)
    seen: list[bytes | None] = []
    remaining = 1
    while remaining:
        bounds = {"max_bytes": 3 * bound} if by_bytes else {"max_messages": bound}
        drained = drain(config, topic, offsets, **bounds)
        assert 0 < len(drained.messages) <= bound
        offsets, remaining = drained.offsets, drained.remaining
        seen += [message.value for message in drained.messages]
    assert sorted(seen, key=str) == expected


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bounds=st.lists(
        st.one_of(
            st.builds(dict, max_messages=st.integers(1, 12)), st.builds(dict, max_bytes=st.integers(3, 40))
        ),
        min_size=1,
    )
)
def test_parts_over_one_connection_are_what_drains_of_their_own_would_read(
    config: dict[str, str], topic: str, bounds: list[dict[str, int]]
) -> None:
    offsets = end_offsets(config, topic)
    for partition in range(4):
        send(config, topic, *(b"%03d" % number for number in range(10)), partition=partition)
    until = {partition: offset + 9 for partition, offset in offsets.items()}
    parts = Drain(config, topic)
    seen = dict[int, list[int]]()
    for bound in itertools.cycle(bounds):
        part = parts.take(offsets, until=until, **bound)
        assert 0 < len(part.messages) <= bound.get("max_messages", bound.get("max_bytes", 0) // 3)
        for message in part.messages:
            seen.setdefault(message.partition, []).append(int(message.value or b""))
        offsets = part.offsets
        if not part.remaining:
            break
    assert seen == {partition: list(range(9)) for partition in range(4)}
    assert offsets == until


def test_a_part_may_begin_anywhere(config: dict[str, str], topic: str) -> None:
    send(config, topic, *(b"%d" % number for number in range(9)))
    parts = Drain(config, topic)
    first = parts.take({}, max_messages=3)
    again = parts.take({}, max_messages=3)
    later = parts.take({**first.offsets, 0: 7}, max_messages=3)
    assert [message.offset for message in first.messages] == [0, 1, 2]
    assert again == first
    assert [message.offset for message in later.messages] == [7, 8]


def test_a_message_larger_than_the_bound_is_still_read(config: dict[str, str], topic: str) -> None:
    send(config, topic, bytes(5000), b"next")
    drained = drain(config, topic, {}, max_bytes=100)
    assert [message.size for message in drained.messages] == [5000]
    assert drained.remaining == 1


def test_an_unknown_topic_is_named(config: dict[str, str]) -> None:
    with pytest.raises(NotFound, match="no-such-topic"):
        drain(config, "no-such-topic", {})


def test_messages_that_cannot_be_read_in_time_are_an_error_and_not_an_empty_drain(
    config: dict[str, str], topic: str
) -> None:
    send(config, topic, b"there")
    with pytest.raises(BrokerUnavailable, match="none of 1 messages could be read"):
        drain(config, topic, {}, seconds=0)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (None, None),
        (20, None),
        (90, None),
        (19, Gap(0, 19, 20)),
        (0, Gap(0, 0, 20)),
        (91, Gap(0, 91, 20)),
    ],
)
def test_an_offset_outside_the_log_is_a_gap(offset: int | None, expected: Gap | None) -> None:
    assert _gap(0, Span(20, 90), {} if offset is None else {0: offset}, is_anew=False) == expected


def test_a_gap_says_what_was_lost() -> None:
    assert str(Gap(3, 10, 20)) == "partition 3: offsets 10 to 19 were deleted before they were read"
    assert str(Gap(3, 10, 0)) == "partition 3: the topic was made anew; read from 0, and not from 10"


@pytest.mark.parametrize("offset", [5, 20, 90, 91, None])
def test_no_offset_of_another_topic_is_used(offset: int | None) -> None:
    found = _gap(0, Span(20, 90), {} if offset is None else {0: offset}, is_anew=True)
    assert found == (None if offset in {None, 20} else Gap(0, offset or 0, 20))


def test_offsets_of_a_broker_that_is_gone_are_not_used(config: dict[str, str], topic: str) -> None:
    send(config, topic, b"1", b"2", b"3")
    first = drain(config, topic, {0: 1})
    assert first.topic_id == topic_id(config, topic)
    assert [one.value for one in drain(config, topic, {0: 2}, topic_id=first.topic_id).messages] == [b"3"]
    anew = drain(config, topic, {0: 2}, topic_id="of another start")
    assert [one.value for one in anew.messages] == [b"1", b"2", b"3"]
    assert [str(gap) for gap in anew.gaps] == [
        "partition 0: the topic was made anew; read from 0, and not from 2"
    ]
    assert drain(config, topic, anew.offsets, topic_id=anew.topic_id).messages == ()
