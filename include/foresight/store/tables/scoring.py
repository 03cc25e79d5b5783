"""Models, deployments, who changed them, and what was scored with them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Double, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must

MODEL_NAME_LENGTH: Final = 128
"""Longest name of a model, and of an alias."""

model = define(
    "model",
    key("name", Name(MODEL_NAME_LENGTH), "Name of the model"),
    must("created_at", Instant, "When its first version was added (UTC)"),
    must("created_by", Name(255), "Who added it"),
    comment="One model by name",
    stays="until somebody deletes the model",
)

model_version = define(
    "model_version",
    key("name", Name(MODEL_NAME_LENGTH), "model.name"),
    key("version", Integer, "Number of the version, from 1, never given twice"),
    must("kind", Name(16), "What runs it: pmml, onnx, sklearn or keras"),
    must("sha256", Name(64), "SHA-256 of its file"),
    must("size_bytes", BigInteger, "Bytes of its file"),
    must("signature", JSON(none_as_null=True), "Inputs with type and allowed values, outputs"),
    must("uri", Body, "Where its file is"),
    must("added_at", Instant, "When (UTC)"),
    must("added_by", Name(255), "Who added it"),
    must("note", Body, "What they said about it"),
    comment="One version of a model; it never changes",
    stays="until somebody deletes the version",
)

deployment = define(
    "deployment",
    key("name", Name(MODEL_NAME_LENGTH), "model.name"),
    key("alias", Name(MODEL_NAME_LENGTH), "What the deployment is called, such as champion"),
    must("version", Integer, "model_version.version"),
    must("defaults", JSON(none_as_null=True), "Field mapping and settings of runs that say nothing else"),
    must("deployed_at", Instant, "When it came to this version (UTC)"),
    must("deployed_by", Name(255), "Who did it"),
    comment="One version of a model in use under an alias",
    stays="until somebody takes it away",
)

model_change = define(
    "model_change",
    key("name", Name(MODEL_NAME_LENGTH), "model.name"),
    key("number", Integer, "Number of the change, from 1"),
    must("action", Name(16), "added, deployed, redeployed, configured, rolled_back, undeployed, deleted"),
    must("version", Integer, "model_version.version"),
    may("alias", Name(MODEL_NAME_LENGTH), "deployment.alias; NULL where no deployment is meant"),
    may("defaults", JSON(none_as_null=True), "deployment.defaults from then on"),
    must("changed_at", Instant, "When (UTC)"),
    must("changed_by", Name(255), "Who did it"),
    must("note", Body, "Why"),
    comment="One change of a model or of its deployments",
    stays="a row each time that a person changed something",
)

scoring_stream = define(
    "scoring_stream",
    key("stream", Name(512), "Source and deployment, or the name that a run was given"),
    must("number", Integer, "Number of the batch that is under way or comes next"),
    must("offsets", JSON(none_as_null=True), "Where that batch begins, by partition"),
    may("until", JSON(none_as_null=True), "Where it ends; NULL while none is under way"),
    may("model_name", Name(MODEL_NAME_LENGTH), "model.name that the batch under way is scored with"),
    may("model_version", Integer, "model_version.version that it is scored with"),
    may("plan", JSON(none_as_null=True), "Mapping and outputs of the batch, and where those ended before it"),
    must("updated_at", Instant, "When this row last changed (UTC)"),
    may("topic_ids", JSON(none_as_null=True), "Identity by topic of what the offsets belong to"),
    comment="How far a source was scored, and the batch under way, closed when its outputs are confirmed",
    stays="a row a stream",
)

scoring_run = define(
    "scoring_run",
    key("dag_id", Name(250), "Name of the DAG"),
    key("run_id", Name(250), "Id of the run in Airflow"),
    must("source", Body, "Where the records came from"),
    must("name", Name(MODEL_NAME_LENGTH), "model.name"),
    must("alias", Name(MODEL_NAME_LENGTH), "deployment.alias"),
    must("version", Integer, "model_version.version of the last batch"),
    must("state", Name(16), "running or done"),
    must("n_batches", Integer, "Batches closed"),
    must("n_read", BigInteger, "Records read: good and bad together"),
    must("n_good", BigInteger, "Records with a prediction"),
    must("n_bad", BigInteger, "Records with an error"),
    must("seconds", Double, "Seconds spent on these batches"),
    must("started_at", Instant, "When (UTC)"),
    must("updated_at", Instant, "When this row last changed (UTC)"),
    Index(None, "started_at"),
    comment="One run of batch_scoring: what it scored, counted with each batch that it closed",
    kept_by="started_at",
)

scoring_load_test = define(
    "scoring_load_test",
    key("dag_id", Name(250), "Name of the DAG, or of the command"),
    key("run_id", Name(250), "Id of the run in Airflow, or of the call"),
    key("bundle_size", Integer, "Records a bundle"),
    key("senders", Integer, "Threads that scored"),
    must("name", Name(MODEL_NAME_LENGTH), "model.name"),
    must("alias", Name(MODEL_NAME_LENGTH), "deployment.alias"),
    must("version", Integer, "model_version.version"),
    must("source", Body, "Where the records came from: a file, or generated"),
    must("error_share", Double, "Share of the records that were made bad"),
    must("n_records", BigInteger, "Records scored in this cell: good and bad together"),
    must("n_good", BigInteger, "Records with a prediction"),
    must("n_bad", BigInteger, "Records with an error"),
    must("seconds", Double, "Seconds that the cell took"),
    must("records_per_second", Double, "Load"),
    must("latency_p50_ms", Double, "Median of the milliseconds from reading a bundle to handing it out"),
    must("latency_p99_ms", Double, "The same, 99th percentile"),
    must("is_recommended", Boolean, "Whether these are the parameters that the test recommends"),
    must("measured_at", Instant, "When (UTC)"),
    Index(None, "measured_at"),
    comment="One cell of a load test: a deployment with one bundle size and one number of senders",
    kept_by="measured_at",
)
