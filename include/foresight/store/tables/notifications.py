"""Who is told of changes of state and how, what is to be told, and what is not."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must
from foresight.store.tables.sla import NAME_LENGTH

notification_delivery = define(
    "notification_delivery",
    key("target_name", Name(NAME_LENGTH), "notification_target.name"),
    must("kind", Name(16), "webhook, email, slack or apprise"),
    must("connection", Name(250), "Airflow connection that says where, with its secrets"),
    must("recipients", JSON(none_as_null=True), "Addresses of an e-mail; empty otherwise"),
    must("is_for_all", Boolean, "Whether it is told of every SLA"),
    must("sla_names", JSON(none_as_null=True), "SLAs that it is told of"),
    must(
        "labels", JSON(none_as_null=True), "Labels that an SLA has that it is told of: label and value each"
    ),
    must("states", JSON(none_as_null=True), "States that it is told of; ok follows them"),
    must("cooldown_seconds", Integer, "Quiet time after a message of a group: what happens is told after it"),
    must("group_by", Name(16), "What one message is about: sla, sli or all"),
    must("since", Instant, "Changes of state at or before it are not told (UTC)"),
    comment="How a notification target is reached, and what it is told of",
    stays="until somebody removes it",
)

notification_outbox = define(
    "notification_outbox",
    key("target_name", Name(NAME_LENGTH), "notification_target.name"),
    key("event_id", Name(64), "Id of the change of state, as in topic sla-events"),
    must("as_of", Instant, "The change of state (UTC)"),
    must("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    must("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    must("group_key", Name(64), "SHA-256 of what is told together"),
    must("status", Name(16), "waiting, sending, sent, silenced or expired"),
    must(
        "event", JSON(none_as_null=True), "The change of state, with owner, labels and description of its SLA"
    ),
    must("created_at", Instant, "When it was put here (UTC)"),
    may("batch", Name(64), "Id of the message that it is in; the same at each attempt"),
    must("attempts", Integer, "How often the message was tried"),
    may("due_at", Instant, "Not before it the next attempt is made (UTC)"),
    may("sent_at", Instant, "When the receiver took it (UTC)"),
    may("reason", Body, "Why it is silenced or expired, or why the last attempt failed"),
    Index(None, "status", "due_at"),
    Index(None, "as_of"),
    comment="One change of state for one target: told once",
    kept_by="as_of",
)

notification_silence = define(
    "notification_silence",
    key("name", Name(NAME_LENGTH), "Its name"),
    must("kind", Name(16), "silence: until its end; acknowledgement: until it is ok, or its end"),
    may("sla_name", Name(NAME_LENGTH), "The SLA it is of; NULL where labels choose"),
    may("sli_name", Name(NAME_LENGTH), "The SLI it is of; NULL for all of the SLA"),
    may("labels", JSON(none_as_null=True), "Labels that an SLA must have: label and value each"),
    must("starts_at", Instant, "From when on (UTC)"),
    may("ends_at", Instant, "Until when (UTC); NULL where only ok ends it"),
    must("comment", Body, "Why"),
    must("created_by", Name(255), "Who did it"),
    comment="Changes of state that nobody is told of for a time",
    stays="until somebody deletes it",
)
