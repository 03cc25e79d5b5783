"""Scoring: models, their versions and deployments, every change, streams and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the tables."""
    _model()
    _model_version()
    _deployment()
    _model_change()
    _scoring_stream()
    _scoring_run()
    _scoring_load_test()


def downgrade() -> None:
    """Drops them with all they hold."""
    for name in (
        "scoring_load_test", "scoring_run", "scoring_stream", "model_change", "deployment", "model_version",
        "model",
    ):  # fmt: skip
        op.drop_table(name)


def _model() -> None:
    op.create_table(
        "model",
        sa.Column("name", Name(128), nullable=False, comment="Name of the model"),
        sa.Column("created_at", Instant(), nullable=False, comment="When its first version was added (UTC)"),
        sa.Column("created_by", Name(255), nullable=False, comment="Who added it"),
        sa.PrimaryKeyConstraint("name"),
        comment="One model by name",
        if_not_exists=True,
        **table_options(None),
    )


def _model_version() -> None:
    op.create_table(
        "model_version",
        sa.Column("name", Name(128), nullable=False, comment="model.name"),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the version, from 1, never given twice",
        ),
        sa.Column("kind", Name(16), nullable=False, comment="What runs it: pmml, onnx, sklearn or keras"),
        sa.Column("sha256", Name(64), nullable=False, comment="SHA-256 of its file"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Bytes of its file"),
        sa.Column(
            "signature",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Inputs with type and allowed values, outputs",
        ),
        sa.Column("uri", Body(), nullable=False, comment="Where its file is"),
        sa.Column("added_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("added_by", Name(255), nullable=False, comment="Who added it"),
        sa.Column("note", Body(), nullable=False, comment="What they said about it"),
        sa.PrimaryKeyConstraint("name", "version"),
        comment="One version of a model; it never changes",
        if_not_exists=True,
        **table_options(None),
    )


def _deployment() -> None:
    op.create_table(
        "deployment",
        sa.Column("name", Name(128), nullable=False, comment="model.name"),
        sa.Column(
            "alias", Name(128), nullable=False, comment="What the deployment is called, such as champion"
        ),
        sa.Column("version", sa.Integer(), nullable=False, comment="model_version.version"),
        sa.Column(
            "defaults",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Field mapping and settings of runs that say nothing else",
        ),
        sa.Column("deployed_at", Instant(), nullable=False, comment="When it came to this version (UTC)"),
        sa.Column("deployed_by", Name(255), nullable=False, comment="Who did it"),
        sa.PrimaryKeyConstraint("name", "alias"),
        comment="One version of a model in use under an alias",
        if_not_exists=True,
        **table_options(None),
    )


def _model_change() -> None:
    op.create_table(
        "model_change",
        sa.Column("name", Name(128), nullable=False, comment="model.name"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column(
            "action",
            Name(16),
            nullable=False,
            comment="added, deployed, redeployed, configured, rolled_back, undeployed, deleted",
        ),
        sa.Column("version", sa.Integer(), nullable=False, comment="model_version.version"),
        sa.Column(
            "alias", Name(128), nullable=True, comment="deployment.alias; NULL where no deployment is meant"
        ),
        sa.Column(
            "defaults", sa.JSON(none_as_null=True), nullable=True, comment="deployment.defaults from then on"
        ),
        sa.Column("changed_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("note", Body(), nullable=False, comment="Why"),
        sa.PrimaryKeyConstraint("name", "number"),
        comment="One change of a model or of its deployments",
        if_not_exists=True,
        **table_options(None),
    )


def _scoring_stream() -> None:
    op.create_table(
        "scoring_stream",
        sa.Column(
            "stream",
            Name(512),
            nullable=False,
            comment="Source and deployment, or the name that a run was given",
        ),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="Number of the batch that is under way or comes next",
        ),
        sa.Column(
            "offsets",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Where that batch begins, by partition",
        ),
        sa.Column(
            "until",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Where it ends; NULL while none is under way",
        ),
        sa.Column(
            "model_name",
            Name(128),
            nullable=True,
            comment="model.name that the batch under way is scored with",
        ),
        sa.Column(
            "model_version",
            sa.Integer(),
            nullable=True,
            comment="model_version.version that it is scored with",
        ),
        sa.Column(
            "plan",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Mapping and outputs of the batch, and where those ended before it",
        ),
        sa.Column("updated_at", Instant(), nullable=False, comment="When this row last changed (UTC)"),
        sa.PrimaryKeyConstraint("stream"),
        comment="How far a source was scored, and the batch under way, closed when its outputs are confirmed",
        if_not_exists=True,
        **table_options(None),
    )


def _scoring_run() -> None:
    op.create_table(
        "scoring_run",
        sa.Column("dag_id", Name(250), nullable=False, comment="Name of the DAG"),
        sa.Column("run_id", Name(250), nullable=False, comment="Id of the run in Airflow"),
        sa.Column("source", Body(), nullable=False, comment="Where the records came from"),
        sa.Column("name", Name(128), nullable=False, comment="model.name"),
        sa.Column("alias", Name(128), nullable=False, comment="deployment.alias"),
        sa.Column("version", sa.Integer(), nullable=False, comment="model_version.version of the last batch"),
        sa.Column("state", Name(16), nullable=False, comment="running or done"),
        sa.Column("n_batches", sa.Integer(), nullable=False, comment="Batches closed"),
        sa.Column("n_read", sa.BigInteger(), nullable=False, comment="Records read: good and bad together"),
        sa.Column("n_good", sa.BigInteger(), nullable=False, comment="Records with a prediction"),
        sa.Column("n_bad", sa.BigInteger(), nullable=False, comment="Records with an error"),
        sa.Column("seconds", sa.Double(), nullable=False, comment="Seconds spent on these batches"),
        sa.Column("started_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("updated_at", Instant(), nullable=False, comment="When this row last changed (UTC)"),
        sa.PrimaryKeyConstraint("dag_id", "run_id"),
        comment="One run of batch_scoring: what it scored, counted with each batch that it closed",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_scoring_run_started_at", "scoring_run", ["started_at"])


def _scoring_load_test() -> None:
    op.create_table(
        "scoring_load_test",
        sa.Column("dag_id", Name(250), nullable=False, comment="Name of the DAG, or of the command"),
        sa.Column("run_id", Name(250), nullable=False, comment="Id of the run in Airflow, or of the call"),
        sa.Column(
            "bundle_size", sa.Integer(), nullable=False, autoincrement=False, comment="Records a bundle"
        ),
        sa.Column(
            "senders", sa.Integer(), nullable=False, autoincrement=False, comment="Threads that scored"
        ),
        sa.Column("name", Name(128), nullable=False, comment="model.name"),
        sa.Column("alias", Name(128), nullable=False, comment="deployment.alias"),
        sa.Column("version", sa.Integer(), nullable=False, comment="model_version.version"),
        sa.Column(
            "source", Body(), nullable=False, comment="Where the records came from: a file, or generated"
        ),
        sa.Column(
            "error_share", sa.Double(), nullable=False, comment="Share of the records that were made bad"
        ),
        sa.Column(
            "n_records",
            sa.BigInteger(),
            nullable=False,
            comment="Records scored in this cell: good and bad together",
        ),
        sa.Column("n_good", sa.BigInteger(), nullable=False, comment="Records with a prediction"),
        sa.Column("n_bad", sa.BigInteger(), nullable=False, comment="Records with an error"),
        sa.Column("seconds", sa.Double(), nullable=False, comment="Seconds that the cell took"),
        sa.Column("records_per_second", sa.Double(), nullable=False, comment="Load"),
        sa.Column(
            "latency_p50_ms",
            sa.Double(),
            nullable=False,
            comment="Median of the milliseconds from reading a bundle to handing it out",
        ),
        sa.Column("latency_p99_ms", sa.Double(), nullable=False, comment="The same, 99th percentile"),
        sa.Column(
            "is_recommended",
            sa.Boolean(),
            nullable=False,
            comment="Whether these are the parameters that the test recommends",
        ),
        sa.Column("measured_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.PrimaryKeyConstraint("dag_id", "run_id", "bundle_size", "senders"),
        comment="One cell of a load test: a deployment with one bundle size and one number of senders",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_scoring_load_test_measured_at", "scoring_load_test", ["measured_at"])
