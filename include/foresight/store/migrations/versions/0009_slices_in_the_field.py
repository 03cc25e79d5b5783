"""Slices in the field: granularity and origin of each value, envelopes, holds, inventory, confirmation.

Three tables get another key: each is moved aside, made anew and filled again, so that a step that was cut off
goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0009"
down_revision = "0008"

_KEY = "UPPER(TRIM(snssai)), cu, cell"
_LONGEST_SLICE = 64


def upgrade() -> None:
    """Gives the tables their new keys, carries what they hold over, and creates the new ones."""
    _measurements()
    _configuration()
    _predictions()
    _slice_cell()
    _slice_bound()
    _slice_status()
    _slice_hold()
    _slice_sent()


def _measurements() -> None:
    kept = "requests, successes, failures, sharing, is_suspect, source"
    _remade(
        "slice_measurement", _has("slice_measurement", "counters"), _slice_measurement,
        f"snssai, cu, cell, granularity_seconds, period_start, sent_as, suspicion, counters, {kept}",
        f"{_KEY}, granularity_seconds, {_rounded('granularity_seconds')}, snssai, "
        f"CASE WHEN is_suspect THEN 'marked by its sender' END, '{{}}', {kept}",
    )  # fmt: skip
    create_index("ix_slice_measurement_period_start", "slice_measurement", ["period_start"])


def _configuration() -> None:
    kept = "since, connections, read_at, source"
    is_aside = _is_aside("slice_configuration")
    columns = [] if is_aside else sa.inspect(op.get_bind()).get_columns("slice_configuration")
    is_done = any(getattr(each["type"], "length", 0) == _LONGEST_SLICE for each in columns)
    _remade(
        "slice_configuration", is_done, _slice_configuration, f"snssai, cu, cell, {kept}", f"{_KEY}, {kept}"
    )


def _predictions() -> None:
    """A prediction is of the granularity that its cell was measured at last."""
    kept = (
        "as_of, outcome, is_inferred, model_version, configured, configured_read_at, raw, capped, final, "
        "rule, is_sent, answer"
    )
    _remade(
        "slice_prediction", _has("slice_prediction", "sent_as"), _slice_prediction,
        f"snssai, cu, cell, granularity_seconds, period_start, sent_as, {kept}",
        f"{_KEY}, n_seconds, {_rounded('n_seconds')}, snssai, {kept}",
        "(SELECT p.*, COALESCE((SELECT MAX(m.granularity_seconds) FROM slice_measurement m WHERE "
        "m.snssai = UPPER(TRIM(p.snssai)) AND m.cu = p.cu AND m.cell = p.cell), 900) AS n_seconds "
        "FROM slice_prediction_before p) AS with_seconds",
    )  # fmt: skip
    create_index("ix_slice_prediction_as_of", "slice_prediction", ["as_of"])
    create_index("ix_slice_prediction_period_start", "slice_prediction", ["period_start"])
    columns = ["model_version", "period_start"]
    create_index("ix_slice_prediction_model_version_period_start", "slice_prediction", columns)


def downgrade() -> None:
    """Drops the new tables; the others keep their keys, which hold all that the old ones held."""
    for name in ("slice_sent", "slice_hold", "slice_status", "slice_bound", "slice_cell"):
        op.drop_table(name)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _rounded(seconds: str) -> str:
    """``period_start`` at the nearest multiple of its length."""
    if _is_sqlite():
        at = "CAST(strftime('%s', period_start) AS INTEGER)"
        return f"strftime('%Y-%m-%d %H:%M:%S', (({at} + {seconds} / 2) / {seconds}) * {seconds}, 'unixepoch')"
    epoch = "'1970-01-01 00:00:00'"
    at = f"TIMESTAMPDIFF(SECOND, {epoch}, period_start)"
    return f"TIMESTAMPADD(SECOND, (({at} + {seconds} DIV 2) DIV {seconds}) * {seconds}, {epoch})"


def _is_aside(table: str) -> bool:
    return f"{table}_before" in sa.inspect(op.get_bind()).get_table_names()


def _has(table: str, column: str) -> bool:
    """Whether a table was made anew already."""
    if _is_aside(table):
        return False
    return column in {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}


def _remade(
    table: str, is_done: bool, create: Callable[[], None], names: str, values: str, source: str = ""
) -> None:
    """Makes a table anew with what it held; of rows that have one key now, the first stays."""
    if is_done:
        return
    before = f"{table}_before"
    if not _is_aside(table):
        op.rename_table(table, before)
    create()
    run = op.get_bind().exec_driver_sql
    ignoring = "INSERT OR IGNORE" if _is_sqlite() else "INSERT IGNORE"
    run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    run(f"{ignoring} INTO {table} ({names}) SELECT {values} FROM {source or before}")  # noqa: S608 - as above
    op.drop_table(before)


def _slice_measurement() -> None:
    op.create_table(
        "slice_measurement",
        sa.Column(
            "snssai",
            Name(64),
            nullable=False,
            comment="The slice in its normal form; empty for failures that name no slice",
        ),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU"),
        sa.Column(
            "cell", Name(255), nullable=False, comment="Name or id of the cell, unique within its gNB-CU only"
        ),
        sa.Column(
            "granularity_seconds",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Length of the period",
        ),
        sa.Column(
            "period_start",
            Instant(),
            nullable=False,
            comment="Start of the period, a multiple of its length (UTC)",
        ),
        sa.Column("sent_as", Name(64), nullable=False, comment="The slice as the newest event spells it"),
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
            "capacity_failures",
            sa.Double(),
            nullable=True,
            comment="Those for lack of capacity; NULL where causes are not told apart",
        ),
        sa.Column(
            "sharing",
            Name(32),
            nullable=False,
            comment="Where the failures come from: measured, shared between slices, missing",
        ),
        sa.Column(
            "is_suspect", sa.Boolean(), nullable=False, comment="Whether the values are not to be used"
        ),
        sa.Column(
            "suspicion",
            Name(64),
            nullable=True,
            comment="Why they are not; NULL where nothing speaks against them",
        ),
        sa.Column("source", Name(255), nullable=False, comment="Who sent the newest event"),
        sa.Column(
            "counters",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Each counter as reported, and the event that it came in",
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "granularity_seconds", "period_start"),
        comment="One slice in one cell over one granularity period",
        if_not_exists=True,
        **table_options("period_start"),
    )


def _slice_configuration() -> None:
    op.create_table(
        "slice_configuration",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column(
            "cu",
            Name(255),
            nullable=False,
            comment="The gNB-CU; empty where every gNB-CU with such a cell is meant",
        ),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell"),
        sa.Column("since", Instant(), nullable=False, comment="When this value was first read (UTC)"),
        sa.Column("connections", sa.Integer(), nullable=False, comment="maxNumberOfConns"),
        sa.Column("read_at", Instant(), nullable=False, comment="When it was last read (UTC)"),
        sa.Column(
            "source", Name(255), nullable=False, comment="service, sent, or the file that it was loaded from"
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "since"),
        comment="One configured limit of a slice in a cell, from when on it was seen",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_prediction() -> None:
    op.create_table(
        "slice_prediction",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU"),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell"),
        sa.Column(
            "granularity_seconds",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Length of the period",
        ),
        sa.Column(
            "period_start",
            Instant(),
            nullable=False,
            comment="Start of the period that it was predicted after (UTC)",
        ),
        sa.Column("sent_as", Name(64), nullable=False, comment="The slice as the message spells it"),
        sa.Column(
            "local_id",
            Name(10),
            nullable=True,
            comment="Id of the cell in the message; NULL where it has none",
        ),
        sa.Column(
            "ric",
            Name(255),
            nullable=True,
            comment="nearRTRICId that the cell is grouped by; NULL where none is known",
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
            "confirmed_at",
            Instant(),
            nullable=True,
            comment="When the configuration was seen to hold what was sent (UTC)",
        ),
        sa.Column(
            "answer",
            sa.Double(),
            nullable=True,
            comment="What the model should have answered, once that is known",
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell", "granularity_seconds", "period_start"),
        comment="One decision on one cell of a slice",
        if_not_exists=True,
        **table_options("period_start"),
    )


def _slice_cell() -> None:
    op.create_table(
        "slice_cell",
        sa.Column(
            "cu",
            Name(255),
            nullable=False,
            comment="The gNB-CU; empty where every gNB-CU with such a cell is meant",
        ),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell, as events give it"),
        sa.Column(
            "local_id",
            Name(10),
            nullable=True,
            comment="Id that the consumer knows it by; NULL: follows from its name",
        ),
        sa.Column("ric", Name(255), nullable=True, comment="nearRTRICId of the controller that it hangs on"),
        sa.Column(
            "capacity", sa.Integer(), nullable=True, comment="Most connections of all its slices together"
        ),
        sa.Column("changed_at", Instant(), nullable=False, comment="When this was loaded (UTC)"),
        sa.Column("source", Name(255), nullable=False, comment="The file that it was loaded from"),
        sa.PrimaryKeyConstraint("cu", "cell"),
        comment="What the network's inventory says of one cell",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_bound() -> None:
    op.create_table(
        "slice_bound",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column(
            "cu",
            Name(255),
            nullable=False,
            comment="The gNB-CU; empty where every gNB-CU with such a cell is meant",
        ),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell"),
        sa.Column(
            "anchor",
            sa.Integer(),
            nullable=True,
            comment="Connections that floor and ceiling are parts of, unless they are given",
        ),
        sa.Column("floor", sa.Integer(), nullable=True, comment="Fewest connections"),
        sa.Column("ceiling", sa.Integer(), nullable=True, comment="Most connections"),
        sa.Column("changed_at", Instant(), nullable=False, comment="When this was set (UTC)"),
        sa.Column(
            "source", Name(255), nullable=False, comment="Who set it: a file, a person, or the first decision"
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell"),
        comment="Between what limits the capacity of a slice in a cell stays for good",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_status() -> None:
    op.create_table(
        "slice_status",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column("is_active", sa.Boolean(), nullable=False, comment="Whether its capacity is managed"),
        sa.Column("read_at", Instant(), nullable=False, comment="When that was read (UTC)"),
        sa.Column(
            "source", Name(255), nullable=False, comment="inventory, or the file that it was loaded from"
        ),
        sa.PrimaryKeyConstraint("snssai"),
        comment="Whether one slice is active; a slice without a row is",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_hold() -> None:
    op.create_table(
        "slice_hold",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU; empty for all of them"),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell; empty for all of them"),
        sa.Column(
            "is_held",
            sa.Boolean(),
            nullable=False,
            comment="Whether the capacity is held; released rows stay",
        ),
        sa.Column("changed_at", Instant(), nullable=False, comment="When it was held or released (UTC)"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("reason", Body(), nullable=False, comment="Why"),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell"),
        comment="One slice, or a slice in one cell, whose capacity somebody holds",
        if_not_exists=True,
        **table_options(None),
    )


def _slice_sent() -> None:
    op.create_table(
        "slice_sent",
        sa.Column("snssai", Name(64), nullable=False, comment="The slice in its normal form"),
        sa.Column("cu", Name(255), nullable=False, comment="The gNB-CU"),
        sa.Column("cell", Name(255), nullable=False, comment="Name or id of the cell"),
        sa.Column("as_of", Instant(), nullable=False, comment="Batch of the message (UTC)"),
        sa.Column(
            "sent_at",
            Instant(),
            nullable=False,
            comment="When it was decided; what is read later can confirm it (UTC)",
        ),
        sa.Column(
            "granularity_seconds",
            sa.Integer(),
            nullable=False,
            comment="Length of the period that it followed from",
        ),
        sa.Column("period_start", Instant(), nullable=False, comment="Start of that period (UTC)"),
        sa.Column("connections", sa.Integer(), nullable=False, comment="What was sent"),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="Changes sent since the configuration last changed, this one among them",
        ),
        sa.Column(
            "confirmed_at",
            Instant(),
            nullable=True,
            comment="When the configuration was seen to hold it (UTC)",
        ),
        sa.PrimaryKeyConstraint("snssai", "cu", "cell"),
        comment="The last change that was sent of a slice in a cell",
        if_not_exists=True,
        **table_options(None),
    )
