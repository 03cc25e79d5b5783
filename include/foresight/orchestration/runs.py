"""Facts about the run that a step belongs to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foresight.errors import FinalError
from foresight.reasons import similar

if TYPE_CHECKING:
    from foresight.store.models import Change


log = logging.getLogger(__name__)


class UnknownParameter(FinalError):
    """A run was given a parameter that its DAG does not have: Airflow would pass over it without a word."""


def refuse_unknown_parameters(context: Mapping[str, Any]) -> None:
    """Raises ``UnknownParameter`` with the parameters that may be meant; called before every task."""
    known = {*context["dag"].params, *(context["task"].params or {})}
    unknown = sorted(set(context["dag_run"].conf or {}) - known)
    if unknown:
        dag = context["dag"].dag_id
        raise UnknownParameter("; ".join(_unknown(dag, name, known) for name in unknown))


def _unknown(dag: str, name: str, known: set[str]) -> str:
    meant = similar(name, known)
    listed = f"there are {', '.join(sorted(known))}" if known else "it has none"
    hint = f"did you mean {meant}?" if meant else listed
    return f"{dag} has no parameter {name!r}; {hint}"


def under_old_name(params: Mapping[str, Any], old: str, new: str) -> Any:
    """What a parameter has under its old name, which works for one release with a warning; None: nothing."""
    found = params.get(old)
    if found is not None:
        log.warning("the parameter %s is called %s now; the old name goes next release", old, new)
    return found


def due_at(context: Mapping[str, Any]) -> int:
    """When the run was due, in epoch seconds."""
    return int(context["dag_run"].run_after.timestamp())


def is_announced(context: Mapping[str, Any]) -> bool:
    """Whether the run announces its results: a backfill does not unless asked to."""
    wish = context["params"]["publish"]
    return bool(wish == "always" or (wish == "auto" and context["dag_run"].run_type.value != "backfill"))


def change_by(context: Mapping[str, Any], note: str) -> Change:
    """Who triggered the run, or the DAG itself, and when, for the history of what it changes."""
    from foresight.store.models import Change

    run = context["dag_run"]
    by = getattr(run, "triggering_user_name", None) or run.dag_id
    return Change(by, due_at(context), note)
