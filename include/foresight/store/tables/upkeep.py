"""What keeps the store right: commits that happened, how far retention went, what operators changed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must

SUBJECT_LENGTH: Final = 512
"""Longest name of what an operator changes, in characters."""

commit_marker = define(
    "commit_marker",
    key("marker", Name(32), "Random name of one transaction"),
    must("written_at", Instant, "When (UTC)"),
    Index(None, "written_at"),
    comment="One transaction that was committed: asked for when the answer to a commit was lost",
    kept_by="written_at",
)

retention_mark = define(
    "retention_mark",
    key("table_name", Name(64), "Table of the store"),
    must("kept_from", Instant, "First instant that the last maintenance kept (UTC)"),
    must("moved_at", Instant, "When that was (UTC)"),
    comment="How far retention has deleted a table",
    stays="a row a table",
)

operator_change = define(
    "operator_change",
    key("kind", Name(16), "publication, stream or dead_letter"),
    key("subject", Name(SUBJECT_LENGTH), "What was changed"),
    key("number", Integer, "Number of the change, from 1"),
    must("action", Name(16), "requeued, abandoned, skipped or reset"),
    must("changed_at", Instant, "When (UTC)"),
    must("changed_by", Name(255), "Who did it"),
    must("reason", Body, "Why"),
    may("held", JSON(none_as_null=True), "What stood before"),
    Index(None, "changed_at"),
    comment="One change that an operator made by hand",
    stays="a row each time that a person changed something",
)
