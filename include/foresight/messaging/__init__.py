"""Kafka: publish with every delivery checked and nothing doubled, drain from stored offsets, dead letters."""

from foresight.messaging.connection import ClientConfig, client_config, redacted
from foresight.messaging.deadletters import dead_letter
from foresight.messaging.drain import Drain, Drained, Gap, Received, drain
from foresight.messaging.messages import Message
from foresight.messaging.publish import Delivered, Publication, Publishers, delivered_ids, publish
from foresight.messaging.telemetry import telemetry_messages
from foresight.messaging.topics import end_offsets, ensure_topic

__all__ = [
    "ClientConfig",
    "Delivered",
    "Drain",
    "Drained",
    "Gap",
    "Message",
    "Publication",
    "Publishers",
    "Received",
    "client_config",
    "dead_letter",
    "delivered_ids",
    "drain",
    "end_offsets",
    "ensure_topic",
    "publish",
    "redacted",
    "telemetry_messages",
]
