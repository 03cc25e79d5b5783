"""Series: what is stored of each, its decomposition, autocorrelation and forecast."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request, Response

from foresight.errors import NotFound
from foresight.services import series
from foresight.services.fleet import sli_users
from foresight.services.listings import Filter, read_page
from foresight.services.lists import AUTOCORRELATIONS, SERIES
from foresight.web.context import Doors
from foresight.web.fields import Plain, SeriesId
from foresight.web.listing import CursorText
from foresight.web.pages.lists import column, part_of, show_list
from foresight.web.pages.rendering import instant, labels_text, number, page
from foresight.web.series import plain_values

Text = Annotated[Plain | None, Query(max_length=255)]
LEVELS: Final = (("adf_critical_1", "1 %"), ("adf_critical_5", "5 %"), ("adf_critical_10", "10 %"))


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the pages."""

    @app.get("/pages/series", include_in_schema=False)
    def get_series_list_page(request: Request, metric: Text = None, cursor: CursorText = None) -> Response:
        filters = [Filter("metric", "pattern", metric)] if metric else []
        columns = (
            column("metric", "Metric"),
            column("labels", "Labels", labels_text, link=lambda row: f"series/{row['series_id']}"),
            column("last_seen", "Last seen", instant),
        )
        part = part_of(
            doors, SERIES, "Series", columns, filters=filters, cursor=cursor, given={"metric": metric},
            fields=[("metric", "Metric holds", metric)], root="",
            empty="No series is stored, or none passes the filter.", export="series.csv",
        )  # fmt: skip
        return show_list(request, "Series", [part])

    @app.get("/pages/series/{series_id}", include_in_schema=False)
    def get_series_page(request: Request, series_id: Annotated[SeriesId, Path()]) -> Response:
        return page(request, "series.html", **_series(doors, series_id))


def _series(doors: Doors, series_id: int) -> dict[str, Any]:
    found = series.get_series(doors.store, series_id)
    analysis = found.analysis
    critical = ", ".join(f"{number(analysis[name])} at {level}" for name, level in LEVELS)
    facts = [
        ("Slots with a value", analysis["n_observed"]),
        ("Slots without", analysis["n_missing"]),
        ("Stationary", {True: "yes", False: "no"}.get(analysis["is_stationary"], "unknown")),
        ("Dickey-Fuller", f"{number(analysis['adf_statistic'])} (p {number(analysis['adf_p'])})"),
        ("Critical values", critical),
        ("Season", f"{analysis['period_slots']} min" if analysis["period_slots"] else "none"),
        ("Forecaster", analysis["model"] or "none"),
        ("Its back-test error", number(analysis["mase"])),
    ]
    plots, missing = [], ""
    try:
        plots = _curves(doors, series_id)
    except NotFound as error:
        missing = str(error)
    plots += _autocorrelation(doors, series_id)
    names = [name for name in (found.aggregates[0] if found.aggregates else {}) if name != "as_of"]
    return {
        "name": found.name, "analysis": analysis, "facts": facts, "plots": plots, "missing": missing,
        "users": sli_users(doors.store, series_id),
        "aggregates": {
            "head": [name.replace("_", " ") for name in names],
            "rows": [[number(row[name]) for name in names] for row in found.aggregates],
        } if names else None,
    }  # fmt: skip


def _curves(doors: Doors, series_id: int) -> list[dict[str, Any]]:
    curves = series.series_curves(doors.store, doors.catalogue, series_id)
    x = [int(_epoch(each)) for each in curves["slot"]]
    values = {name: plain_values(curves[name]) for name in curves if name != "slot"}

    def made(title: str, names: dict[str, str], help_: str) -> dict[str, Any]:
        shown = [
            {"label": label, "values": values[name], "role": role}
            for (name, label), role in zip(names.items(), ("value", "mean", "second"), strict=False)
        ]
        rows = [
            [str(slot), *(number(values[name][at]) for name in names)]
            for at, slot in enumerate(curves["slot"])
        ]
        data = {"x": x, "time": True, "series": shown}
        return {"title": title, "data": data, "head": ["Slot", *names.values()], "rows": rows, "help": help_}

    return [
        made("Observed and trend", {"value": "observed", "trend": "trend", "hp_trend": "Hodrick-Prescott"},
             "The newest window."),
        made("Season", {"seasonal": "seasonal", "residual": "residual"}, "Decomposition by moving averages."),
        made("Cycle", {"hp_cycle": "cycle"}, "What Hodrick and Prescott's filter leaves."),
    ]  # fmt: skip


def _autocorrelation(doors: Doors, series_id: int) -> list[dict[str, Any]]:
    rows = read_page(
        doors.store, AUTOCORRELATIONS, limit=1000,
        filters=[Filter("series_id", "eq", [series_id])],
    ).rows  # fmt: skip
    if not rows:
        return []
    lags, values = [row["lag_slots"] for row in rows], [row["value"] for row in rows]
    data = {
        "x": lags, "xLabel": "lag", "kind": "points",
        "series": [{"label": "autocorrelation", "values": values, "role": "value"}],
    }  # fmt: skip
    shown = [[str(lag), number(value)] for lag, value in zip(lags, values, strict=True)]
    return [{"title": "Autocorrelation", "data": data, "head": ["Lag", "Value"], "rows": shown, "help": ""}]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
