"""One SLA: each SLI with its risk, course, budgets and violations; what another bound would have meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request, Response

from foresight.errors import NotFound
from foresight.services import fleet, sla_changes, sla_views
from foresight.services import slas as all_slas
from foresight.services.listings import Filter, read_page
from foresight.services.lists import EVENTS
from foresight.sla.status import SlaStatus
from foresight.web.context import Doors
from foresight.web.errors import wrong
from foresight.web.fields import PLAIN, Plain, instant_of
from foresight.web.pages import rendering
from foresight.web.pages.rendering import page, percent
from foresight.web.pages.sections import course_plot, words_of

Name = Annotated[str, Path(pattern=PLAIN, max_length=512)]
Typed = Annotated[Plain | None, Query(max_length=40)]
EXAMPLE: Final = """\
slas:
  - name: hosts
    owner: you
    slis:
      - {name: memory-free, metric: node_memory_MemFree_bytes, min: 1.0e9, objective: 0.99}
"""


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the pages."""

    @app.get("/pages/slas/{name}", include_in_schema=False)
    def get_sla_page(request: Request, name: Name) -> Response:
        return page(request, "sla.html", **_sla(doors, name))

    @app.get("/pages/slas/{name}/what-if", include_in_schema=False)
    def get_what_if_page(
        request: Request,
        name: Name,
        sli: Annotated[Plain, Query(max_length=512)],
        min: Typed = None,  # noqa: A002 - the name of the field in definitions
        max: Typed = None,  # noqa: A002 - as above
        objective: Typed = None,
    ) -> Response:
        given = {"min": min or "", "max": max or "", "objective": objective or ""}
        return page(request, "what_if.html", **_what_if(doors, name, sli, given))

    @app.get("/pages/slas/{name}/edit", include_in_schema=False)
    def get_edit_page(request: Request, name: Name) -> Response:
        text, _ = all_slas.export(doors.store, [name])
        return page(request, "edit.html", name=name, text=text)

    @app.get("/pages/new", include_in_schema=False)
    def get_new_page(request: Request) -> Response:
        return page(request, "edit.html", name="", text=EXAMPLE)


def _sla(doors: Doors, name: str) -> dict[str, Any]:
    try:
        stored = sla_changes.find(doors.store, name)
    except NotFound:
        stored = None
    try:
        view = sla_views.view(doors.store, name)
    except NotFound:
        if stored is None:
            raise
        view = None
    definitions = {sli["name"]: sli for sli in stored.document["slis"]} if stored else {}
    events = read_page(doors.store, EVENTS, filters=[Filter("sla_name", "eq", [name])], limit=20).rows
    return {
        "name": name,
        "definition": stored.document if stored else None,
        "revision": stored.revision if stored else "",
        "sla": view.sla if view else None,
        "slis": [_sli(doors, row, view.windows, definitions) for row in _by_risk(view)] if view else [],
        "events": events,
    }


def _by_risk(view: sla_views.SlaView) -> list[dict[str, Any]]:
    """The SLIs of an SLA, the worst first."""
    worst = {state: place for place, state in enumerate(rendering.STATES)}
    return sorted(view.slis, key=lambda row: (worst.get(row["state"], 0), -(row["probability"] or 0)))


def _sli(doors: Doors, row: dict[str, Any], windows: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    definition = known.get(row["sli_name"], {})
    lower, upper = definition.get("lower"), definition.get("upper")
    objective = definition.get("objective")
    course = fleet.course(doors.store, row["worst_series_id"], row["as_of"])
    plot, numbers = course_plot(course, lower, upper)
    mine = [_window(each, objective) for each in windows.get(row["sli_name"], [])]
    longest = mine[-1] if mine else {}
    return {
        "name": row["sli_name"],
        "row": row,
        "promise": _promise(definition),
        "horizon": definition.get("horizon_minutes") or 10,
        "is_likely": (row["probability"] or 0) >= rendering.LIKELY,
        "words": words_of(row),
        "plot": plot,
        "numbers": numbers,
        "windows": mine,
        "violations": longest.get("violations") or [],
        "is_cut": longest.get("is_list_cut", False),
        "n_violations": longest.get("n_violations", 0),
        "can_ask": bool(definition) and (lower is not None or upper is not None),
        "lower": lower,
        "upper": upper,
        "objective": objective,
    }


def _promise(definition: Mapping[str, Any]) -> str:
    if not definition:
        return ""
    lower, upper, objective = (definition.get(each) for each in ("lower", "upper", "objective"))
    what = definition.get("metric") or "its ratio"
    bounds = " and ".join(
        text
        for text in (
            "" if lower is None else f"at least {rendering.number(lower)}",
            "" if upper is None else f"at most {rendering.number(upper)}",
        )
        if text
    )
    share = f" for {percent(objective)} of the slots" if objective is not None else ""
    return f"{what} {bounds or 'keeps its target'}{share}. {definition.get('description') or ''}".strip()


def _window(row: dict[str, Any], objective: float | None) -> dict[str, Any]:
    formula = ""
    if row["good_share"] is not None and objective is not None:
        bad = 1 - row["good_share"]
        formula = f"burn rate = bad share / (1 − objective) = {bad:.4g} / {1 - objective:.4g}"
    trend = ""
    if row["alert_short_burn_rate"] is not None and row["burn_rate"] is not None:
        trend = ", rising" if row["alert_short_burn_rate"] > row["burn_rate"] else ", recovering"
        trend = "" if row["burn_rate"] == row["alert_short_burn_rate"] == 0 else trend
    return row | {"formula": formula, "trend": trend}


def _number(name: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise wrong(name, "a number is wanted, or nothing for an open bound") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise wrong(name, "a finite number is wanted")
    return value


def _what_if(doors: Doors, name: str, sli: str, given: Mapping[str, str]) -> dict[str, Any]:
    # Here, for it reads the forecaster, which no other page needs.
    from foresight.services.what_if import stored_what_if

    changes = {field: _number(field, given[field]) for field in ("min", "max")}
    if objective := _number("objective", given["objective"]):
        changes["objective"] = objective
    answer = stored_what_if(doors.store, name, sli, changes)
    sides = [_side(status) for status in (answer.present, answer.changed)]
    lengths = sorted(set(sides[0]["windows"]) & set(sides[1]["windows"]))
    return {
        "name": name, "sli": sli, "given": given, "as_of": instant_of(answer.present.as_of), "sides": sides,
        "lengths": lengths,
    }  # fmt: skip


def _side(status: SlaStatus) -> dict[str, Any]:
    [sli] = status.slis
    worst = sli.worst
    risk = worst.risk if worst else None
    windows = worst.windows if worst else ()
    return {
        "state": sli.state.value,
        "probability": risk.probability if risk else None,
        "windows": {
            each.minutes: {
                "violated": each.violated,
                "left": each.budget_left,
                "n": len(each.violations),
            }
            for each in windows
        },
    }
