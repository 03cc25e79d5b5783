"""What runs did, which slices were decided on, which models there are, how predictions came out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from markupsafe import Markup

from foresight.quality.outcomes import Outcome
from foresight.services import stages
from foresight.services.listings import Filter, name_of
from foresight.services.lists import (
    CONFIGURATION,
    DEPLOYMENTS,
    HOLDS,
    LOAD_TESTS,
    MESSAGES,
    MODEL_VERSIONS,
    PREDICTIONS,
    QUARANTINE,
    RUNS,
    SLICE_MODELS,
)
from foresight.web.context import Doors
from foresight.web.fields import Plain, type_of
from foresight.web.listing import CursorText
from foresight.web.pages.lists import Column, column, part_of, show_list, table, text
from foresight.web.pages.rendering import instant, labels_text, number

Text = Annotated[Plain | None, Query(max_length=255)]
SET_ASIDE = tuple(str(each) for each in Outcome if each.is_quarantined)
CELL = (column("snssai", "Slice"), column("cu", "gNB-CU"), column("cell", "Cell"))


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the pages."""

    @app.get("/pages/runs", include_in_schema=False)
    def get_runs_page(request: Request, dag_id: Text = None, cursor: CursorText = None) -> Response:
        return show_list(request, "Runs", _runs(doors, dag_id, cursor))

    @app.get("/pages/slices", include_in_schema=False)
    def get_slices_page(request: Request, snssai: Text = None, cursor: CursorText = None) -> Response:
        return show_list(request, "Slices", _slices(doors, snssai, cursor))

    @app.get("/pages/models", include_in_schema=False)
    def get_models_page(request: Request, cursor: CursorText = None) -> Response:
        return show_list(request, "Models", _models(doors, cursor))


def _runs(doors: Doors, dag_id: str | None, cursor: str | None) -> list[dict[str, Any]]:
    times = stages.stage_times(doors.store)
    columns = (
        column("dag_id", "DAG"), column("stage", "Stage"), column("n_runs", "Runs", is_number=True),
        column("median_seconds", "Median, s", number, is_number=True),
        column("p95_seconds", "95 %, s", number, is_number=True),
        column("longest_seconds", "Longest, s", number, is_number=True),
    )  # fmt: skip
    measured = table("How long stages take", columns, times, empty="No run has ended yet.")
    runs = part_of(
        doors, RUNS, "Finished runs",
        (
            column("dag_id", "DAG", link=lambda row: f"runs?dag_id={row['dag_id']}"),
            column("as_of", "As of", instant), column("kind", "Started by"),
            column("started_at", "Started", instant), column("finished_at", "Ended", instant),
            column("counts", "What was read, set aside, stored and announced", _counts),
        ),
        filters=[Filter("dag_id", "eq", [dag_id])] if dag_id else (), cursor=cursor,
        given={"dag_id": dag_id}, fields=[("dag_id", "DAG", dag_id)],
        empty="No run has ended yet.", export="runs.csv",
    )  # fmt: skip
    aside = part_of(
        doors, QUARANTINE, "Series set aside",
        (
            column("metric", "Metric"),
            column("labels", "Labels", labels_text, link=lambda row: f"series/{row['series_id']}"),
            column("as_of", "As of", instant), column("outcome", "Outcome"), column("reason", "Reason"),
        ),
        filters=[Filter("outcome", "eq", list(SET_ASIDE))],
        empty="No series was set aside.", export="quarantine.csv", limit=20,
    )  # fmt: skip
    return [runs, measured, aside]


def _counts(counts: Any) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in (counts or {}).items()) or text(
        None
    )


def _slices(doors: Doors, snssai: str | None, cursor: str | None) -> list[dict[str, Any]]:
    mine = [Filter("snssai", "eq", [snssai])] if snssai else []
    decided = part_of(
        doors, PREDICTIONS, "Decisions",
        (
            *CELL, column("period_start", "Period", instant), column("outcome", "Outcome", _plain),
            column("configured", "Configured", number, is_number=True),
            column("predicted", "Predicted", number, is_number=True),
            column("final", "Final", number, is_number=True), column("rule", "Rule that acted"),
            column("is_sent", "Sent", _yes),
        ),
        filters=mine, cursor=cursor, given={"snssai": snssai}, fields=[("snssai", "Slice", snssai)],
        empty="Nothing was decided yet, or not about this slice.", export="slices/predictions.csv",
    )  # fmt: skip
    configured = part_of(
        doors, CONFIGURATION, "Configured", _existing(CONFIGURATION, CELL), filters=mine,
        empty="No configuration is known.", export="slices/configuration.csv", limit=20,
    )  # fmt: skip
    holds = part_of(
        doors,
        HOLDS,
        "Holds",
        _existing(HOLDS, CELL),
        filters=mine,
        empty="No slice is held by hand.",
        limit=20,
    )
    models = part_of(
        doors, SLICE_MODELS, "Models of slices",
        (
            column("version", "Version"), column("target", "Target"), column("state", "State", _plain),
            column("registered_at", "Registered", instant),
        ),
        empty="No model is registered.", export="slices/models.csv", limit=20,
    )  # fmt: skip
    messages = part_of(
        doors, MESSAGES, "Messages",
        (
            column("topic", "Topic"), column("as_of", "As of", instant), column("part", "Part"),
            column("state", "State", _plain), column("n_messages", "Messages", is_number=True),
        ),
        empty="Nothing was announced.", export="messages.csv", limit=20,
    )  # fmt: skip
    return [decided, configured, holds, models, messages]


def _existing(listing: Any, first: tuple[Column, ...]) -> tuple[Column, ...]:
    """Every other column of a listing behind the first ones, written by its kind."""
    shown = {each.name for each in first}
    rest = [each for each in listing.columns if name_of(each) not in shown]
    writers: dict[Any, Callable[[Any], Any]] = {datetime: instant, float: number, bool: _yes}
    return (
        *first,
        *(
            column(name_of(each), name_of(each).replace("_", " ").capitalize(), writers.get(type_of(each)))
            for each in rest
        ),
    )


def _yes(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, text(value))


def _plain(value: Any) -> str:
    return text(value).replace("_", " ")


def _models(doors: Doors, cursor: str | None) -> list[dict[str, Any]]:
    deployed = part_of(
        doors, DEPLOYMENTS, "Deployments",
        (
            column("name", "Model"), column("alias", "Alias"), column("version", "Version", is_number=True),
            column("deployed_at", "Deployed", instant), column("deployed_by", "By"),
        ),
        action=_try, empty="No model is deployed: foresight model add, then foresight model deploy.",
        export="deployments.csv",
    )  # fmt: skip
    versions = part_of(
        doors, MODEL_VERSIONS, "Versions",
        (
            column("name", "Model"), column("version", "Version", is_number=True), column("kind", "Kind"),
            column("added_at", "Added", instant), column("added_by", "By"), column("note", "Note"),
        ),
        cursor=cursor, empty="No model is stored.", export="models.csv",
    )  # fmt: skip
    load = part_of(
        doors, LOAD_TESTS, "Load tests",
        (
            column("name", "Model"), column("alias", "Alias"), column("version", "Version", is_number=True),
            column("measured_at", "Measured", instant),
            column("records_per_second", "Records/s", number, is_number=True),
        ),
        empty="No load test was run: the DAG scoring_load_test does.", export="loadTests.csv", limit=20,
    )  # fmt: skip
    return [deployed, versions, load]


def _try(_: Any) -> Markup:
    return Markup('<a href="../docs">score over REST</a>')
