"""Slice capacity: measurements, configuration, offsets, dead letters, models, predictions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the tables."""
    _slice_measurement()
    _slice_configuration()
    _topic_offset()
    _dead_letter()
    _slice_model()
    _slice_model_change()
    _slice_prediction()


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("slice_prediction")
    op.drop_table("slice_model_change")
    op.drop_table("slice_model")
    op.drop_table("dead_letter")
    op.drop_table("topic_offset")
    op.drop_table("slice_configuration")
    op.drop_table("slice_measurement")


def _slice_measurement() -> None:
    op.create_table(
        "slice_measurement",
        sa.Column("snssai", Name(16), nullable=False, comment="The slice: SST, dash, SD"),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU"),
        sa.Column("cell", Name(255), nullable=False, comment="Id of the cell, unique within its gNB-CU only"),
        sa.Column("period_start", Instant(), nullable=False, comment="Start of the period as reported (UTC)"),
        sa.Column("granularity_seconds", sa.Integer(), nullable=False, comment="Length of the period"),
        sa.Column(
            "requests",
            sa.Double(),
            nullable=True,
            comment="Session set-ups asked for; NULL where not measured",
        ),
        sa.Column(
            "successes",
            sa.Double(),
            nullable=True,
            comment="Session set-ups that succeeded; NULL where not measured",
        ),
        sa.Column(
            "failures", sa.Double(), nullable=True, comment="Session set-ups that failed; NULL where missing"
        ),
        sa.Column(
            "sharing",
            Name(32),
            nullable=False,
            comment="Where the failures come from: measured, shared between slices, missing",
        ),
        sa.Column("is_suspect", sa.Boolean(), nullable=False, comment="Whether the sender doubts the values"),
        sa.Column("source", Name(255), nullable=False, comment="Who sent the event"),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "period_start"),
        comment="One slice in one cell over one granularity period",
        if_not_exists=True,
        **table_options("period_start"),
    )
    create_index("ix_slice_measurement_period_start", "slice_measurement", ["period_start"])


def _slice_configuration() -> None:
    op.create_table(
        "slice_configuration",
        sa.Column("snssai", Name(16), nullable=False, comment="The slice"),
        sa.Column(
            "cu",
            Name(255),
            nullable=False,
            comment="The gNB-CU; empty where every gNB-CU with such a cell is meant",
        ),
        sa.Column("cell", Name(255), nullable=False, comment="Id of the cell"),
        sa.Column("since", Instant(), nullable=False, comment="When this value was first read (UTC)"),
        sa.Column("connections", sa.Integer(), nullable=False, comment="maxNumberOfConns"),
        sa.Column("read_at", Instant(), nullable=False, comment="When it was last read (UTC)"),
        sa.Column(
            "source", Name(255), nullable=False, comment="service, or the file that it was loaded from"
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "since"),
        comment="One configured limit of a slice in a cell, from when on it was seen",
        if_not_exists=True,
        **table_options(None),
    )


def _topic_offset() -> None:
    op.create_table(
        "topic_offset",
        sa.Column("topic", Name(249), nullable=False, comment="Kafka topic"),
        sa.Column("partition_number", sa.Integer(), nullable=False, autoincrement=False, comment="Partition"),
        sa.Column(
            "next_offset", sa.BigInteger(), nullable=False, comment="The first message that was not read"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="Instant of the run that read last (UTC)"),
        sa.PrimaryKeyConstraint("topic", "partition_number"),
        comment="How far a topic was read: written with what was read, in one transaction",
        if_not_exists=True,
        **table_options(None),
    )


def _dead_letter() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("topic", Name(249), nullable=False, comment="Topic that the message came on"),
        sa.Column(
            "partition_number", sa.Integer(), nullable=False, autoincrement=False, comment="Its partition"
        ),
        sa.Column(
            "message_offset", sa.BigInteger(), nullable=False, autoincrement=False, comment="Its offset"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="Batch that the letter is published in (UTC)"),
        sa.Column("reason", Body(), nullable=False, comment="Why it could not be read, or not all of it"),
        sa.Column("n_values", sa.Integer(), nullable=False, comment="Measured values seen in it"),
        sa.Column(
            "n_stored", sa.Integer(), nullable=False, comment="Those of them that were stored all the same"
        ),
        sa.Column("n_rejected", sa.Integer(), nullable=False, comment="Those that could not be read"),
        sa.Column(
            "timestamp_ms",
            sa.BigInteger(),
            nullable=True,
            comment="Its time on the topic, epoch milliseconds",
        ),
        sa.Column("message_key", Body(), nullable=True, comment="Its key, base64"),
        sa.Column(
            "message_value",
            Body(),
            nullable=True,
            comment="Its value, base64; cut where too long for a letter",
        ),
        sa.Column("value_bytes", sa.Integer(), nullable=True, comment="Bytes of the whole value"),
        sa.Column(
            "headers", sa.JSON(none_as_null=True), nullable=True, comment="Its headers: [name, base64] each"
        ),
        sa.PrimaryKeyConstraint("topic", "partition_number", "message_offset"),
        comment="One message that could not be read, or not all of it",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_dead_letter_as_of", "dead_letter", ["as_of"])


def _slice_model() -> None:
    op.create_table(
        "slice_model",
        sa.Column("version", Name(64), nullable=False, comment="The first digits of the SHA-256 of its file"),
        sa.Column("sha256", Name(64), nullable=False, comment="SHA-256 of its file"),
        sa.Column("target", Name(32), nullable=False, comment="What it answers: reference or forward"),
        sa.Column("state", Name(16), nullable=False, comment="candidate, champion or retired"),
        sa.Column(
            "source", Name(255), nullable=False, comment="trained, or the file that it was imported from"
        ),
        sa.Column(
            "is_better",
            sa.Boolean(),
            nullable=False,
            comment="Whether it beat every rival on held-out periods",
        ),
        sa.Column("reason", Body(), nullable=False, comment="The verdict in words"),
        sa.Column("registered_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column(
            "metrics",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Errors on held-out periods, in connections",
        ),
        sa.Column(
            "card",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="What is known of it: inputs, window, ranges, versions, hashes",
        ),
        sa.Column("report_uri", Body(), nullable=True, comment="Where its training report is"),
        sa.Column("document", Body(), nullable=False, comment="The file itself, base64"),
        sa.PrimaryKeyConstraint("version"),
        comment="One version of a model",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_model_change() -> None:
    op.create_table(
        "slice_model_change",
        sa.Column("target", Name(32), nullable=False, comment="What the model answers"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column("version", Name(64), nullable=False, comment="slice_model.version"),
        sa.Column("action", Name(16), nullable=False, comment="registered, promoted, retired or restored"),
        sa.Column("changed_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("reason", Body(), nullable=False, comment="Why"),
        sa.PrimaryKeyConstraint("target", "number"),
        comment="One change of what a model is used for",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_prediction() -> None:
    op.create_table(
        "slice_prediction",
        sa.Column("snssai", Name(16), nullable=False, comment="The slice"),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU"),
        sa.Column("cell", Name(255), nullable=False, comment="Id of the cell"),
        sa.Column(
            "period_start",
            Instant(),
            nullable=False,
            comment="Start of the period that it was predicted after (UTC)",
        ),
        sa.Column(
            "as_of",
            Instant(),
            nullable=False,
            comment="Batch that it was decided in; its message says the same (UTC)",
        ),
        sa.Column("outcome", Name(32), nullable=False, comment="ready, or why the cell cannot be predicted"),
        sa.Column(
            "is_inferred",
            sa.Boolean(),
            nullable=False,
            comment="Whether failures were not reported and stand as requests - successes",
        ),
        sa.Column(
            "model_version",
            Name(64),
            nullable=True,
            comment="slice_model.version; NULL where no model was in use",
        ),
        sa.Column(
            "configured", sa.Double(), nullable=True, comment="Connections configured when it was decided"
        ),
        sa.Column("configured_read_at", Instant(), nullable=True, comment="When that was read (UTC)"),
        sa.Column("raw", sa.Double(), nullable=True, comment="What the model answered, in connections"),
        sa.Column("capped", sa.Double(), nullable=True, comment="The same, cut to the limit of the cell"),
        sa.Column("final", sa.Double(), nullable=True, comment="What was decided"),
        sa.Column("rule", Name(32), nullable=False, comment="The rule that decided"),
        sa.Column(
            "is_sent", sa.Boolean(), nullable=False, comment="Whether it belongs into the policy message"
        ),
        sa.Column(
            "answer",
            sa.Double(),
            nullable=True,
            comment="What the model should have answered, once that is known",
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "period_start"),
        comment="One decision on one cell of a slice",
        if_not_exists=True,
        **table_options("period_start"),
    )
    create_index("ix_slice_prediction_as_of", "slice_prediction", ["as_of"])
