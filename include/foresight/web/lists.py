"""The routes of all lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from foresight.services import lists
from foresight.services.listings import Listing
from foresight.slices.identifiers import normal_form
from foresight.web.context import Doors
from foresight.web.listing import add_listing
from foresight.web.rights import RULES, Right, Rule

_SLA: Final = {"name": "sla_name"}
_SLI: Final = {"name": "sla_name", "sli_name": "sli_name"}
_SERIES: Final = {"series_id": "series_id"}
_MODEL: Final = {"name": "name"}


def _slices(given: Any) -> Any:
    return [normal_form(each) for each in given] if isinstance(given, list) else normal_form(given)


LISTS: Final[tuple[tuple[str, Listing, Right, dict[str, str], str], ...]] = (
    ("/slas", lists.SLAS, Right.READ_SLA, {}, "Active SLAs."),
    ("/slis", lists.SLIS, Right.READ_SLA, {}, "The SLIs of active SLAs."),
    ("/statuses", lists.STATUSES, Right.READ_SLA, {}, "The newest status of each SLI, the riskiest first."),
    ("/events", lists.EVENTS, Right.READ_SLA, {}, "Changes of state."),
    ("/evaluations", lists.EVALUATIONS, Right.READ_SLA, {}, "Intervals that were evaluated."),
    ("/slas/{name}/revisions", lists.REVISIONS, Right.READ_SLA, _SLA,
     "The changes of an SLA, of a deleted one too."),
    ("/slas/{name}/statuses", lists.SLA_HISTORY, Right.READ_SLA, _SLA, "The status of an SLA at each as-of."),
    ("/slas/{name}/slis/{sli_name}/statuses", lists.SLI_HISTORY, Right.READ_SLA, _SLI,
     "The status of an SLI at each as-of."),
    ("/slas/{name}/slis/{sli_name}/windows", lists.WINDOWS, Right.READ_SLA, _SLI,
     "Error budgets, burn rates and alerts of an SLI by window and as-of."),
    ("/series", lists.SERIES, Right.READ_SERIES, {}, "Series."),
    ("/series/{series_id}/analyses", lists.ANALYSES, Right.READ_SERIES, _SERIES,
     "Stationarity, season, model and outcome of a series in each run."),
    ("/series/{series_id}/aggregates", lists.AGGREGATES, Right.READ_SERIES, _SERIES,
     "Largest, smallest and mean value of a series by window."),
    ("/series/{series_id}/forecasts", lists.FORECASTS, Right.READ_SERIES, _SERIES,
     "Forecasts of a series, a row a step."),
    ("/series/{series_id}/autocorrelations", lists.AUTOCORRELATIONS, Right.READ_SERIES, _SERIES,
     "Autocorrelation of a series by lag."),
    ("/series/{series_id}/curves", lists.CURVES, Right.READ_SERIES, _SERIES,
     "Decomposition and Hodrick-Prescott of a series, where its curves are stored."),
    ("/quarantine", lists.QUARANTINE, Right.READ_SERIES, {}, "Series that were set aside, with the reason."),
    ("/runs", lists.RUNS, Right.READ_SERIES, {}, "Finished runs with the seconds of each stage."),
    ("/slices/measurements", lists.MEASUREMENTS, Right.READ_SLICE, {}, "Measured periods of cells."),
    ("/slices/predictions", lists.PREDICTIONS, Right.READ_SLICE, {},
     "Predictions and what the guardrails made of them."),
    ("/slices/configuration", lists.CONFIGURATION, Right.READ_SLICE, {}, "Configured capacity of cells."),
    ("/slices/holds", lists.HOLDS, Right.READ_SLICE, {}, "Capacity that somebody holds or has released."),
    ("/slices/sent", lists.SENT, Right.READ_SLICE, {}, "The last change that was sent of each cell."),
    ("/slices/models", lists.SLICE_MODELS, Right.READ_SLICE, {}, "Models of slices."),
    ("/slices/modelChanges", lists.SLICE_MODEL_CHANGES, Right.READ_SLICE, {},
     "What slice models were used for."),
    ("/messages", lists.MESSAGES, Right.READ_SLICE, {}, "Batches of messages to Kafka and their state."),
    ("/deadLetters", lists.DEAD_LETTERS, Right.READ_SLICE, {}, "Messages that could not be read."),
    ("/models", lists.MODEL_VERSIONS, Right.READ_MODEL, {}, "Versions of scoring models."),
    ("/deployments", lists.DEPLOYMENTS, Right.READ_MODEL, {}, "Versions in use under an alias."),
    ("/models/{name}/changes", lists.MODEL_CHANGES, Right.READ_MODEL, _MODEL,
     "The changes of a model, of a deleted one too."),
    ("/scoringRuns", lists.SCORING_RUNS, Right.READ_MODEL, {}, "Runs of batch scoring."),
    ("/loadTests", lists.LOAD_TESTS, Right.READ_MODEL, {}, "Load tests of deployments."),
)  # fmt: skip
"""Address, list, right, the columns that the address chooses, and what it is."""


for _path, _listing, _right, _within, _title in LISTS:
    RULES[f"list_{_listing.name}"] = RULES[f"export_{_listing.name}"] = Rule(_right)


def install(app: FastAPI, doors: Doors) -> None:
    """Adds every list."""
    for path, listing, _, within, title in LISTS:
        clean: dict[str, Callable[[Any], Any]] = {}
        if any(column.name == "snssai" for column in listing.columns):
            clean = {"snssai": _slices}
        add_listing(app, doors, path, listing, title, within=within, clean=clean)
