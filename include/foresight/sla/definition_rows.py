"""Definitions as rows of the store's tables."""

from __future__ import annotations

from foresight.sla.definitions import Sla, Sli
from foresight.sla.json_form import Json


def definition_rows(sla: Sla) -> list[Json]:
    """The rows of ``sli`` of one SLA, in order, without its name and their positions."""
    return [
        {
            "name": sli.name,
            "kind": kind_of(sli),
            "metric": sli.metric,
            "expression": sli.selector if not sli.metric else None,
            "matchers": [[matcher.label, matcher.op, matcher.value] for matcher in sli.matchers],
            "lower_bound": sli.lower,
            "upper_bound": sli.upper,
            "objective": sli.objective,
            "windows_minutes": list(sli.windows),
        }
        for sli in sla.slis
    ]


def kind_of(sli: Sli) -> str:
    """What an SLI is: ``metric``, ``expression`` or ``ratio``."""
    if sli.ratio is not None:
        return "ratio"
    return "metric" if sli.metric else "expression"
