"""Runs, the intervals they finished, and what went out to Kafka."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must

SCOPE_LENGTH = 190
"""Longest scope of an interval, in characters."""

run = define(
    "run",
    key("dag_id", Name(250), "Name of the DAG"),
    key("run_id", Name(250), "Id of the run in Airflow"),
    may("as_of", Instant, "The instant the run is pinned to (UTC)"),
    must("kind", Name(32), "scheduled, manual, backfill, asset_triggered"),
    must("state", Name(32), "How it ended: success, for no other run has a row"),
    may("started_at", Instant, "When it started (UTC)"),
    may("finished_at", Instant, "When it ended (UTC)"),
    may("versions", JSON(none_as_null=True), "Versions of what took part"),
    may("stage_seconds", JSON(none_as_null=True), "Seconds by stage"),
    may("counts", JSON(none_as_null=True), "Series, samples and messages by kind"),
    Index(None, "as_of"),
    comment="One finished run of telemetry_analysis, sla_evaluation or slice_prediction: "
    "all that may differ between two runs of one interval",
    kept_by="as_of",
)

analysed_interval = define(
    "analysed_interval",
    key("as_of", Instant, "End of the interval (UTC)"),
    key("scope", Name(SCOPE_LENGTH), "What was analysed: the catalogue or a part of it"),
    must("is_complete", Boolean, "Whether everything planned was stored or set aside with a reason"),
    must("n_planned", Integer, "Series planned"),
    must("n_stored", Integer, "Series stored"),
    must("n_quarantined", Integer, "Series set aside"),
    may("report", JSON(none_as_null=True), "What the summary says besides, such as metrics without a series"),
    may(
        "is_evaluated",
        Boolean,
        "True once evaluated_interval has it; NULL before: so those that wait are found",
    ),
    Index(None, "scope", "is_evaluated", "as_of"),
    Index(None, "scope", "as_of"),
    comment="One interval that telemetry_analysis finished",
    kept_by="as_of",
)

evaluated_interval = define(
    "evaluated_interval",
    key("as_of", Instant, "End of the interval (UTC)"),
    key("scope", Name(SCOPE_LENGTH), "The same as in analysed_interval"),
    must("n_sla", Integer, "SLAs evaluated"),
    must("n_sli", Integer, "SLIs evaluated"),
    comment="One interval that sla_evaluation finished",
    kept_by="as_of",
)

publication = define(
    "publication",
    key("topic", Name(249), "Kafka topic"),
    key("as_of", Instant, "What was published (UTC)"),
    key("part", Name(190), "Shard or other part of it"),
    must("state", Name(16), "pending, published, skipped, set_aside (cannot be sent) or abandoned"),
    may("start_offsets", JSON(none_as_null=True), "End offsets by partition before the first message"),
    must("n_messages", Integer, "Messages confirmed"),
    must("updated_at", Instant, "When this row last changed (UTC)"),
    may("content", Name(32), "Hash of what is to be announced: another one makes it pending again"),
    may("topic_id", Name(64), "Identity of the topic that start_offsets belong to; NULL where unknown"),
    may("n_attempts", Integer, "Failed attempts since it became pending; NULL for none"),
    may("reason", Body, "Why it could not be sent; NULL where nothing failed"),
    Index(None, "topic", "state", "n_attempts", "as_of"),
    Index(None, "state", "as_of"),
    Index(None, "as_of"),
    comment="One batch of messages: opened before the first goes out, closed when all are confirmed",
    kept_by="as_of",
)
