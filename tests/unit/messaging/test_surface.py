"""What other rooms may use of messaging."""

from __future__ import annotations

import foresight.messaging as messaging


def test_the_public_surface_is_listed_once_and_there() -> None:
    assert len(set(messaging.__all__)) == len(messaging.__all__)
    assert all(hasattr(messaging, name) for name in messaging.__all__)


def test_the_public_surface_is_what_it_was() -> None:
    assert set(messaging.__all__) == {
        "ClientConfig",
        "INSTALLATION",
        "Delivered",
        "Drain",
        "Drained",
        "Gap",
        "Message",
        "Publication",
        "PublicationLost",
        "Publishers",
        "Received",
        "TopicWatch",
        "client_config",
        "dead_letter",
        "delivered_ids",
        "drain",
        "end_offsets",
        "ensure_topic",
        "is_another",
        "publish",
        "redacted",
        "telemetry_messages",
        "topic_id",
        "topic_of_ours",
    }
