"""SLAs, their statuses and changes of state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the tables."""
    _sla()
    _sli()
    _sla_revision()
    _sla_status()
    _sli_status()
    _sli_window()
    _sla_event()


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("sla_event")
    op.drop_table("sli_window")
    op.drop_table("sli_status")
    op.drop_table("sla_status")
    op.drop_table("sla_revision")
    op.drop_table("sli")
    op.drop_table("sla")


def _sla() -> None:
    op.create_table(
        "sla",
        sa.Column("name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("owner", Name(255), nullable=False, comment="Who answers for it"),
        sa.Column("description", Body(), nullable=False, comment="What it promises"),
        sa.Column("revision", Name(64), nullable=False, comment="SHA-256 of the definition"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False, comment="The whole definition"),
        sa.PrimaryKeyConstraint("name"),
        comment="One SLA as it stands now",
        if_not_exists=True,
        **table_options(None),
    )


def _sli() -> None:
    op.create_table(
        "sli",
        sa.Column("sla_name", Name(190), nullable=False, comment="sla.name"),
        sa.Column("name", Name(190), nullable=False, comment="Name of the SLI within its SLA"),
        sa.Column("position", sa.Integer(), nullable=False, comment="Its place in the SLA, from 0"),
        sa.Column("metric", Name(512), nullable=False, comment="Metric it watches"),
        sa.Column(
            "matchers",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Label matchers: [label, operator, value] each",
        ),
        sa.Column("lower_bound", sa.Double(), nullable=True, comment="Smallest good value; NULL where open"),
        sa.Column("upper_bound", sa.Double(), nullable=True, comment="Largest good value; NULL where open"),
        sa.Column("objective", sa.Double(), nullable=False, comment="Share of good slots that is promised"),
        sa.Column(
            "windows_minutes", sa.JSON(none_as_null=True), nullable=False, comment="Lengths of its windows"
        ),
        sa.PrimaryKeyConstraint("sla_name", "name"),
        sa.ForeignKeyConstraint(["sla_name"], ["sla.name"], name="fk_sli_sla", ondelete="CASCADE"),
        comment="One SLI of an SLA as it stands now",
        if_not_exists=True,
        **table_options(None),
    )


def _sla_revision() -> None:
    op.create_table(
        "sla_revision",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column("revision", Name(64), nullable=False, comment="SHA-256 of the definition"),
        sa.Column("action", Name(16), nullable=False, comment="applied or deleted"),
        sa.Column("applied_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("applied_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False, comment="The whole definition"),
        sa.PrimaryKeyConstraint("sla_name", "number"),
        comment="One change of an SLA by a person",
        if_not_exists=True,
        **table_options(None),
    )


def _sla_status() -> None:
    op.create_table(
        "sla_status",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("as_of", Instant(), nullable=False, comment="The instant the status holds at (UTC)"),
        sa.Column(
            "state",
            Name(16),
            nullable=False,
            comment="ok, violated, at_risk or no_data: the worst of its SLIs",
        ),
        sa.Column("revision", Name(64), nullable=False, comment="Revision of the SLA that was evaluated"),
        sa.Column("n_sli", sa.Integer(), nullable=False, comment="SLIs evaluated"),
        sa.Column("n_ok", sa.Integer(), nullable=False, comment="SLIs that are ok"),
        sa.Column("n_violated", sa.Integer(), nullable=False, comment="SLIs that are violated"),
        sa.Column("n_at_risk", sa.Integer(), nullable=False, comment="SLIs that are at risk"),
        sa.Column("n_no_data", sa.Integer(), nullable=False, comment="SLIs without data"),
        sa.PrimaryKeyConstraint("sla_name", "as_of"),
        comment="One SLA at one as-of",
        if_not_exists=True,
        **table_options("as_of"),
    )
    create_index("ix_sla_status_as_of", "sla_status", ["as_of"])


def _sli_status() -> None:
    op.create_table(
        "sli_status",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("as_of", Instant(), nullable=False, comment="The instant the status holds at (UTC)"),
        sa.Column("state", Name(16), nullable=False, comment="ok, violated, at_risk or no_data"),
        sa.Column("revision", Name(64), nullable=False, comment="Revision of the SLA that was evaluated"),
        sa.Column("current_value", sa.Double(), nullable=True, comment="Newest value of the worst series"),
        sa.Column("current_slot", Instant(), nullable=True, comment="Slot of that value (UTC)"),
        sa.Column("n_series", sa.Integer(), nullable=False, comment="Series that match"),
        sa.Column(
            "worst_series_id", sa.BigInteger(), nullable=True, comment="The series that decides the state"
        ),
        sa.Column(
            "probability",
            sa.Double(),
            nullable=True,
            comment="Probability that any slot of the horizon leaves the bounds",
        ),
        sa.Column(
            "components",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="What that probability is made of",
        ),
        sa.Column(
            "expected_first_slot",
            Instant(),
            nullable=True,
            comment="First slot expected to leave the bounds (UTC)",
        ),
        sa.Column("model", Name(64), nullable=True, comment="Forecaster it rests on"),
        sa.Column("mase", sa.Double(), nullable=True, comment="Backtest error of that forecaster"),
        sa.Column("calibrator", Name(64), nullable=True, comment="Version of the calibrator"),
        sa.Column(
            "predicted",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Slots predicted to leave the bounds, with value and interval",
        ),
        sa.Column(
            "details",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="How many series are in each state, and the figures of the 1,000 worst",
        ),
        sa.PrimaryKeyConstraint("sla_name", "sli_name", "as_of"),
        comment="One SLI at one as-of",
        if_not_exists=True,
        **table_options("as_of"),
    )
    create_index("ix_sli_status_as_of", "sli_status", ["as_of"])


def _sli_window() -> None:
    op.create_table(
        "sli_window",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("as_of", Instant(), nullable=False, comment="End of the window (UTC)"),
        sa.Column(
            "window_minutes",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Length of the window",
        ),
        sa.Column("n_observed", sa.Integer(), nullable=False, comment="Slots with a value"),
        sa.Column(
            "n_missing", sa.Integer(), nullable=False, comment="Slots without one: neither good nor bad"
        ),
        sa.Column("n_violated", sa.Integer(), nullable=False, comment="Slots outside the bounds"),
        sa.Column(
            "good_share",
            sa.Double(),
            nullable=True,
            comment="Good share of the observed slots; NULL without any",
        ),
        sa.Column("budget_minutes", sa.Double(), nullable=True, comment="Error budget of the window"),
        sa.Column("budget_used_minutes", sa.Double(), nullable=True, comment="Spent so far"),
        sa.Column("budget_left_minutes", sa.Double(), nullable=True, comment="Left; negative when overspent"),
        sa.Column("burn_rate", sa.Double(), nullable=True, comment="Bad share / (1 - objective)"),
        sa.Column(
            "is_budget_below_one_slot",
            sa.Boolean(),
            nullable=False,
            comment="Whether a single bad slot spends the whole budget",
        ),
        sa.Column("n_violations", sa.Integer(), nullable=False, comment="Episodes of all its series"),
        sa.Column(
            "is_list_cut",
            sa.Boolean(),
            nullable=False,
            comment="Whether only the first 360 of them are listed",
        ),
        sa.Column(
            "violations",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Episodes, worst series first: start, end, worst value, series",
        ),
        sa.Column("alert_factor", sa.Double(), nullable=True, comment="Burn rate at which an alert starts"),
        sa.Column(
            "alert_short_minutes", sa.Integer(), nullable=True, comment="The short window that must burn too"
        ),
        sa.Column(
            "alert_short_burn_rate", sa.Double(), nullable=True, comment="Burn rate of the short window"
        ),
        sa.Column(
            "is_alerting",
            sa.Boolean(),
            nullable=True,
            comment="Whether both windows are over the factor",
        ),
        sa.PrimaryKeyConstraint("sla_name", "sli_name", "as_of", "window_minutes"),
        comment="One SLI over one window before one as-of",
        if_not_exists=True,
        **table_options("as_of"),
    )


def _sla_event() -> None:
    op.create_table(
        "sla_event",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "as_of", Instant(), nullable=False, comment="The status that differs from the one before it (UTC)"
        ),
        sa.Column(
            "previous_as_of",
            Instant(),
            nullable=True,
            comment="The newest stored status before it (UTC); NULL for the first",
        ),
        sa.Column("previous_state", Name(16), nullable=True, comment="State there; NULL for the first"),
        sa.Column("state", Name(16), nullable=False, comment="State since"),
        sa.PrimaryKeyConstraint("sla_name", "sli_name", "as_of"),
        comment="One change of state of an SLI, derived from sli_status",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_sla_event_as_of", "sla_event", ["as_of"])
