"""Kafka: publish with every delivery checked and nothing doubled, drain from stored offsets, dead letters."""

from foresight.messaging.connection import (
    INSTALLATION,
    ClientConfig,
    client_config,
    redacted,
    topic_of_ours,
)
from foresight.messaging.deadletters import dead_letter
from foresight.messaging.drain import Drain, Drained, Gap, Received, drain
from foresight.messaging.messages import Message
from foresight.messaging.publish import (
    Delivered,
    Publication,
    PublicationLost,
    Publishers,
    delivered_ids,
    publish,
)
from foresight.messaging.telemetry import telemetry_messages
from foresight.messaging.topics import TopicWatch, end_offsets, ensure_topic, is_another, topic_id

__all__ = [
    "INSTALLATION",
    "ClientConfig",
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
]
