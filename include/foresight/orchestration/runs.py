"""Facts about the run that a step belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foresight.store.models import Change


def due_at(context: Mapping[str, Any]) -> int:
    """When the run was due, in epoch seconds."""
    return int(context["dag_run"].run_after.timestamp())


def is_announced(context: Mapping[str, Any]) -> bool:
    """Whether the run announces its results: a backfill does not unless asked to."""
    wish = context["params"]["publish"]
    return bool(wish == "always" or (wish == "auto" and context["dag_run"].run_type.value != "backfill"))


def change_by(context: Mapping[str, Any], note: str) -> Change:
    """Who triggered the run, or the DAG itself, and when, for the history of what it changes."""
    run = context["dag_run"]
    by = getattr(run, "triggering_user_name", None) or run.dag_id
    return Change(by, due_at(context), note)
