"""Slice capacity: measurements, configuration, models, predictions, and how far a topic was read."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Double, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must

SLICE_LENGTH: Final = 64
NAME_LENGTH: Final = 255
LOCAL_ID_LENGTH: Final = 10
VERSION_LENGTH: Final = 64

slice_measurement = define(
    "slice_measurement",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form; empty for failures that name no slice"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell, unique within its gNB-CU only"),
    key("granularity_seconds", Integer, "Length of the period"),
    key("period_start", Instant, "Start of the period, a multiple of its length (UTC)"),
    must("sent_as", Name(SLICE_LENGTH), "The slice as the newest event spells it"),
    may("requests", Double, "Session set-ups asked for; NULL where not measured"),
    may("successes", Double, "Session set-ups that succeeded; NULL where not measured"),
    may("failures", Double, "Session set-ups that failed; NULL where missing"),
    may("capacity_failures", Double, "Those for lack of capacity; NULL where causes are not told apart"),
    must("sharing", Name(32), "Where the failures come from: measured, shared between slices, missing"),
    must("is_suspect", Boolean, "Whether the values are not to be used"),
    may("suspicion", Name(64), "Why they are not; NULL where nothing speaks against them"),
    must("source", Name(NAME_LENGTH), "Who sent the newest event"),
    must("counters", JSON(none_as_null=True), "Each counter as reported, and the event that it came in"),
    Index(None, "period_start"),
    comment="One slice in one cell over one granularity period",
    kept_by="period_start",
    by_day=True,
)

slice_configuration = define(
    "slice_configuration",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU; empty where every gNB-CU with such a cell is meant"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell"),
    key("since", Instant, "When this value was first read (UTC)"),
    must("connections", Integer, "maxNumberOfConns"),
    must("read_at", Instant, "When it was last read (UTC)"),
    must("source", Name(NAME_LENGTH), "service, sent, or the file that it was loaded from"),
    Index(None, "since"),
    comment="One configured limit of a slice in a cell, from when on it was seen",
    kept_by="since",
)

slice_cell = define(
    "slice_cell",
    key("cu", Name(NAME_LENGTH), "The gNB-CU; empty where every gNB-CU with such a cell is meant"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell, as events give it"),
    may("local_id", Name(LOCAL_ID_LENGTH), "Id that the consumer knows it by; NULL: follows from its name"),
    may("ric", Name(NAME_LENGTH), "nearRTRICId of the controller that it hangs on"),
    may("capacity", Integer, "Most connections of all its slices together"),
    must("changed_at", Instant, "When this was loaded (UTC)"),
    must("source", Name(NAME_LENGTH), "The file that it was loaded from"),
    comment="What the network's inventory says of one cell",
    stays="a row a cell",
)

slice_bound = define(
    "slice_bound",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU; empty where every gNB-CU with such a cell is meant"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell"),
    may("anchor", Integer, "Connections that floor and ceiling are parts of, unless they are given"),
    may("floor", Integer, "Fewest connections"),
    may("ceiling", Integer, "Most connections"),
    must("changed_at", Instant, "When this was set (UTC)"),
    must("source", Name(NAME_LENGTH), "Who set it: a file, a person, or the first decision"),
    comment="Between what limits the capacity of a slice in a cell stays for good",
    stays="a row a slice and cell",
)

slice_status = define(
    "slice_status",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    must("is_active", Boolean, "Whether its capacity is managed"),
    must("read_at", Instant, "When that was read (UTC)"),
    must("source", Name(NAME_LENGTH), "inventory, or the file that it was loaded from"),
    comment="Whether one slice is active; a slice without a row is",
    stays="a row a slice",
)

slice_hold = define(
    "slice_hold",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU; empty for all of them"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell; empty for all of them"),
    must("is_held", Boolean, "Whether the capacity is held; released rows stay"),
    must("changed_at", Instant, "When it was held or released (UTC)"),
    must("changed_by", Name(NAME_LENGTH), "Who did it"),
    must("reason", Body, "Why"),
    comment="One slice, or a slice in one cell, whose capacity somebody holds",
    stays="a row for each thing that a person held",
)

slice_sent = define(
    "slice_sent",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell"),
    must("as_of", Instant, "Batch of the message (UTC)"),
    must("sent_at", Instant, "When it was decided; what is read later can confirm it (UTC)"),
    must("granularity_seconds", Integer, "Length of the period that it followed from"),
    must("period_start", Instant, "Start of that period (UTC)"),
    must("connections", Integer, "What was sent"),
    must("attempts", Integer, "Changes sent since the configuration last changed, this one among them"),
    may("confirmed_at", Instant, "When the configuration was seen to hold it (UTC)"),
    Index(None, "sent_at"),
    comment="The last change that was sent of a slice in a cell",
    kept_by="sent_at",
)

topic_offset = define(
    "topic_offset",
    key("topic", Name(249), "Kafka topic"),
    key("partition_number", Integer, "Partition"),
    must("next_offset", BigInteger, "The first message that was not read"),
    must("as_of", Instant, "Instant of the run that read last (UTC)"),
    may("topic_id", Name(64), "Identity of the topic that the offset belongs to; NULL where unknown"),
    comment="How far a topic was read: written with what was read, in one transaction",
    stays="a row a partition",
)

dead_letter = define(
    "dead_letter",
    key("topic", Name(249), "Topic that the message came on"),
    key("partition_number", Integer, "Its partition"),
    key("message_offset", BigInteger, "Its offset"),
    must("as_of", Instant, "Batch that the letter is published in (UTC)"),
    must("reason", Body, "Why it could not be read, or not all of it"),
    must("n_values", Integer, "Measured values seen in it"),
    must("n_stored", Integer, "Those of them that were stored all the same"),
    must("n_rejected", Integer, "Those that could not be read"),
    may("timestamp_ms", BigInteger, "Its time on the topic, epoch milliseconds"),
    may("message_key", Body, "Its key, base64"),
    may("message_value", Body, "Its value, base64; cut where too long for a letter"),
    may("value_bytes", Integer, "Bytes of the whole value"),
    may("headers", JSON(none_as_null=True), "Its headers: [name, base64] each"),
    Index(None, "as_of"),
    comment="One message that could not be read, or not all of it",
    kept_by="as_of",
)

slice_model = define(
    "slice_model",
    key("version", Name(VERSION_LENGTH), "The first digits of the SHA-256 of its file"),
    must("sha256", Name(64), "SHA-256 of its file"),
    must("target", Name(32), "What it answers: reference or forward"),
    must("state", Name(16), "candidate, champion or retired"),
    must("source", Name(NAME_LENGTH), "trained, or the file that it was imported from"),
    must("is_better", Boolean, "Whether it beat every rival on held-out periods"),
    must("reason", Body, "The verdict in words"),
    must("registered_at", Instant, "When (UTC)"),
    must("metrics", JSON(none_as_null=True), "Errors on held-out periods, in connections"),
    must("card", JSON(none_as_null=True), "What is known of it: inputs, window, ranges, versions, hashes"),
    may("report_uri", Body, "Where its training report is"),
    must("document", Body, "The file itself, base64"),
    comment="One version of a model",
    stays="a row a model",
)

slice_model_change = define(
    "slice_model_change",
    key("target", Name(32), "What the model answers"),
    key("number", Integer, "Number of the change, from 1"),
    must("version", Name(VERSION_LENGTH), "slice_model.version"),
    must("action", Name(16), "registered, promoted, retired or restored"),
    must("changed_at", Instant, "When (UTC)"),
    must("changed_by", Name(NAME_LENGTH), "Who did it"),
    must("reason", Body, "Why"),
    comment="One change of what a model is used for",
    stays="a row each time that the use of a model changed",
)

slice_prediction = define(
    "slice_prediction",
    key("snssai", Name(SLICE_LENGTH), "The slice in its normal form"),
    key("cu", Name(NAME_LENGTH), "The gNB-CU"),
    key("cell", Name(NAME_LENGTH), "Name or id of the cell"),
    key("granularity_seconds", Integer, "Length of the period"),
    key("period_start", Instant, "Start of the period that it was predicted after (UTC)"),
    must("sent_as", Name(SLICE_LENGTH), "The slice as the message spells it"),
    may("local_id", Name(LOCAL_ID_LENGTH), "Id of the cell in the message; NULL where it has none"),
    may("ric", Name(NAME_LENGTH), "nearRTRICId that the cell is grouped by; NULL where none is known"),
    must("as_of", Instant, "Batch that it was decided in; its message says the same (UTC)"),
    must("outcome", Name(32), "ready, or why the cell cannot be predicted"),
    must("is_inferred", Boolean, "Whether failures were not reported and stand as requests - successes"),
    may("model_version", Name(VERSION_LENGTH), "slice_model.version; NULL where no model was in use"),
    may("configured", Double, "Connections configured when it was decided"),
    may("configured_read_at", Instant, "When that was read (UTC)"),
    may("raw", Double, "What the model answered, in connections"),
    may("capped", Double, "The same, cut to the limit of the cell"),
    may("final", Double, "What was decided"),
    must("rule", Name(32), "The rule that decided"),
    must("is_sent", Boolean, "Whether it belongs into the policy message"),
    may("confirmed_at", Instant, "When the configuration was seen to hold what was sent (UTC)"),
    may("answer", Double, "What the model should have answered, once that is known"),
    Index(None, "as_of"),
    Index(None, "model_version", "period_start"),
    Index(None, "period_start"),
    comment="One decision on one cell of a slice",
    kept_by="period_start",
    by_day=True,
)
