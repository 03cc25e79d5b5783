"""Notifications: how targets are reached, what is to be told, and what is silenced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "notification_delivery",
        sa.Column("target_name", Name(190), nullable=False, comment="notification_target.name"),
        sa.Column("kind", Name(16), nullable=False, comment="webhook, email, slack or apprise"),
        sa.Column(
            "connection",
            Name(250),
            nullable=False,
            comment="Airflow connection that says where, with its secrets",
        ),
        sa.Column(
            "recipients",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Addresses of an e-mail; empty otherwise",
        ),
        sa.Column("is_for_all", sa.Boolean(), nullable=False, comment="Whether it is told of every SLA"),
        sa.Column("sla_names", sa.JSON(none_as_null=True), nullable=False, comment="SLAs that it is told of"),
        sa.Column(
            "labels",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Labels that an SLA has that it is told of: label and value each",
        ),
        sa.Column(
            "states",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="States that it is told of; ok follows them",
        ),
        sa.Column(
            "cooldown_seconds",
            sa.Integer(),
            nullable=False,
            comment="Quiet time after a message of a group: what happens is told after it",
        ),
        sa.Column("group_by", Name(16), nullable=False, comment="What one message is about: sla, sli or all"),
        sa.Column(
            "since", Instant(), nullable=False, comment="Changes of state at or before it are not told (UTC)"
        ),
        sa.PrimaryKeyConstraint("target_name"),
        comment="How a notification target is reached, and what it is told of",
        if_not_exists=True,
        **table_options(None),
    )
    op.create_table(
        "notification_outbox",
        sa.Column("target_name", Name(190), nullable=False, comment="notification_target.name"),
        sa.Column(
            "event_id", Name(64), nullable=False, comment="Id of the change of state, as in topic sla-events"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="The change of state (UTC)"),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("group_key", Name(64), nullable=False, comment="SHA-256 of what is told together"),
        sa.Column("status", Name(16), nullable=False, comment="waiting, sending, sent, silenced or expired"),
        sa.Column(
            "event",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="The change of state, with owner, labels and description of its SLA",
        ),
        sa.Column("created_at", Instant(), nullable=False, comment="When it was put here (UTC)"),
        sa.Column(
            "batch",
            Name(64),
            nullable=True,
            comment="Id of the message that it is in; the same at each attempt",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="How often the message was tried"),
        sa.Column("due_at", Instant(), nullable=True, comment="Not before it the next attempt is made (UTC)"),
        sa.Column("sent_at", Instant(), nullable=True, comment="When the receiver took it (UTC)"),
        sa.Column(
            "reason",
            Body(),
            nullable=True,
            comment="Why it is silenced or expired, or why the last attempt failed",
        ),
        sa.PrimaryKeyConstraint("target_name", "event_id"),
        comment="One change of state for one target: told once",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_notification_outbox_as_of", "notification_outbox", ["as_of"])
    create_index("ix_notification_outbox_status_due_at", "notification_outbox", ["status", "due_at"])
    op.create_table(
        "notification_silence",
        sa.Column("name", Name(190), nullable=False, comment="Its name"),
        sa.Column(
            "kind",
            Name(16),
            nullable=False,
            comment="silence: until its end; acknowledgement: until it is ok, or its end",
        ),
        sa.Column("sla_name", Name(190), nullable=True, comment="The SLA it is of; NULL where labels choose"),
        sa.Column("sli_name", Name(190), nullable=True, comment="The SLI it is of; NULL for all of the SLA"),
        sa.Column(
            "labels",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Labels that an SLA must have: label and value each",
        ),
        sa.Column("starts_at", Instant(), nullable=False, comment="From when on (UTC)"),
        sa.Column(
            "ends_at", Instant(), nullable=True, comment="Until when (UTC); NULL where only ok ends it"
        ),
        sa.Column("comment", Body(), nullable=False, comment="Why"),
        sa.Column("created_by", Name(255), nullable=False, comment="Who did it"),
        sa.PrimaryKeyConstraint("name"),
        comment="Changes of state that nobody is told of for a time",
        if_not_exists=True,
        **table_options(None),
    )


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("notification_silence")
    op.drop_table("notification_outbox")
    op.drop_table("notification_delivery")
