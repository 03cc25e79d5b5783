"""The doors: the newest status of each SLI in one row, and tokens of scrapers.

``sli_latest`` is filled by the next evaluation.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "sli_latest",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "as_of", Instant(), nullable=False, comment="The newest instant that a status is stored of (UTC)"
        ),
        sa.Column("state", Name(16), nullable=False, comment="State there"),
        sa.Column(
            "risk",
            sa.Double(),
            nullable=False,
            comment="What lists are ordered by: the probability, and 2 more where it is violated",
        ),
        sa.Column("n_series", sa.Integer(), nullable=False, comment="Series that match"),
        sa.Column(
            "is_alerting", sa.Boolean(), nullable=False, comment="Whether an alert on a burn rate fires"
        ),
        sa.Column("current_value", sa.Double(), nullable=True, comment="Newest value of the worst series"),
        sa.Column("current_slot", Instant(), nullable=True, comment="Slot of that value (UTC)"),
        sa.Column(
            "probability",
            sa.Double(),
            nullable=True,
            comment="Probability that any slot of the horizon leaves the bounds",
        ),
        sa.Column(
            "expected_first_slot",
            Instant(),
            nullable=True,
            comment="First slot expected to leave the bounds (UTC)",
        ),
        sa.Column(
            "window_minutes",
            sa.Integer(),
            nullable=True,
            comment="The window that the budget is of: by the calendar, or the longest",
        ),
        sa.Column("good_share", sa.Double(), nullable=True, comment="Good share of what is observed in it"),
        sa.Column("burn_rate", sa.Double(), nullable=True, comment="Bad share / (1 - objective)"),
        sa.Column(
            "budget_left_minutes",
            sa.Double(),
            nullable=True,
            comment="Left of the error budget; NULL where it is counted in events",
        ),
        sa.Column("budget_left_share", sa.Double(), nullable=True, comment="Left, as a share of the budget"),
        sa.PrimaryKeyConstraint("sla_name", "sli_name"),
        comment="One SLI at its newest as-of: what lists are read from",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_sli_latest_risk_sla_name_sli_name", "sli_latest", ["risk", "sla_name", "sli_name"])
    create_index(
        "ix_sli_latest_state_risk_sla_name_sli_name",
        "sli_latest",
        ["state", "risk", "sla_name", "sli_name"],
    )
    create_index("ix_sli_latest_as_of", "sli_latest", ["as_of"])
    op.create_table(
        "scrape_token",
        sa.Column("name", Name(64), nullable=False, comment="Its name"),
        sa.Column("sha256", Name(64), nullable=False, comment="SHA-256 of the token, which is kept nowhere"),
        sa.Column("created_at", Instant(), nullable=False, comment="When it was made (UTC)"),
        sa.Column("created_by", Name(255), nullable=False, comment="Who made it"),
        sa.PrimaryKeyConstraint("name"),
        comment="One token of a scraper: it opens the metrics and nothing else",
        if_not_exists=True,
        **table_options(None),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("scrape_token")
    op.drop_table("sli_latest")
