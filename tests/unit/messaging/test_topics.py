"""Topics: made when missing, and asked for their ends."""

from __future__ import annotations

import pytest

from foresight.errors import BrokerUnavailable, NotFound
from foresight.messaging import Message, Publication, end_offsets, ensure_topic, publish

NOBODY = {"bootstrap.servers": "127.0.0.1:1"}


def test_a_broker_that_cannot_create_topics_is_asked_to_make_it_itself(config: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        end_offsets(config, "made-on-demand")
    ensure_topic(config, "made-on-demand")
    ensure_topic(config, "made-on-demand")
    assert set(end_offsets(config, "made-on-demand").values()) == {0}


def test_end_offsets_count_what_was_published(config: dict[str, str], topic: str) -> None:
    before = end_offsets(config, topic)
    publish(config, topic, [Message(f"{i}", b"%d" % i, b"") for i in range(40)], Publication("b", before))
    after = end_offsets(config, topic)
    assert before.keys() == after.keys()
    assert sum(after.values()) >= 40


@pytest.mark.parametrize("ask", [end_offsets, ensure_topic])
def test_a_broker_that_does_not_answer_is_named(ask: object) -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1.*Connection refused"):
        ask(NOBODY, "topic", seconds=1)  # type: ignore[operator]
