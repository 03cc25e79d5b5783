"""How the probabilities came out: reliability, skill by day, coverage by step, and the calibrator in use."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response

from foresight.errors import NotFound
from foresight.web.context import Doors
from foresight.web.fields import Whole, instant_of
from foresight.web.pages.rendering import NOTHING, instant, number, page, percent

GROUPS: Final = ("horizon", "sla", "metric", "model", "calibrator")


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the page."""

    @app.get("/pages/verification", include_in_schema=False)
    def get_verification_page(
        request: Request,
        days: Annotated[Whole, Query(ge=1, le=400)] = 30,
        by: Annotated[str, Query(pattern=f"^({'|'.join(GROUPS)})$")] = "horizon",
    ) -> Response:
        return page(request, "verification.html", **_verification(doors, days, by))


def _verification(doors: Doors, days: int, by: str) -> dict[str, Any]:
    # Here, for these read the forecaster, which no other page needs.
    from foresight.services.calibrators import history
    from foresight.services.verification_report import report

    changes = [
        (
            _utc(each.as_of), each.action.replace("_", " "), each.version, each.in_use, number(each.gain),
            each.changed_by, each.reason,
        )
        for each in history(doors.store)[0][:50]
    ]  # fmt: skip
    shown: dict[str, Any] = {"days": days, "by": by, "groups": GROUPS, "changes": changes, "found": None}
    try:
        found = report(doors.store, doors.now, days=days, grouping=by)  # type: ignore[arg-type] # checked
    except NotFound as error:
        return shown | {"missing": str(error), "plots": [], "lines": [], "counts": []}
    lines = [
        [
            line.name or "all", f"{line.horizon_minutes} min", f"{line.scores.n:,}",
            percent(_known(line.scores.base_rate)),
            *(number(_known(value)) for value in (
                line.scores.brier, line.scores.skill, line.scores.skill_own_past, line.scores.auc,
                line.scores.average_precision, line.scores.ece, line.scores.ece05, line.scores.log_loss,
            )),
            percent(_known(line.foretold)), number(_known(line.lead_minutes)),
        ]
        for line in found.lines
    ]  # fmt: skip
    return shown | {
        "missing": "",
        "found": found,
        "counts": [(name.removeprefix("n_"), n) for name, n in found.counts.items()],
        "lines": lines,
        "plots": [each for each in (_reliability(found), _skill(found), _coverage(found)) if each],
    }


def _reliability(found: Any) -> dict[str, Any] | None:
    if not found.lines:
        return None
    bins = found.lines[0].reliability
    rows = [
        (float(said), float(happened), int(n))
        for said, happened, n in zip(bins.said, bins.happened, bins.count, strict=True)
        if n
    ]
    data = {
        "x": [said for said, _, _ in rows], "xLabel": "said", "kind": "points",
        "series": [
            {"label": "happened", "values": [happened for _, happened, _ in rows], "role": "value"},
            {"label": "perfect", "values": [said for said, _, _ in rows], "role": "bound"},
        ],
    }  # fmt: skip
    shown = [[percent(said), percent(happened), f"{n:,}"] for said, happened, n in rows]
    title = f"Reliability of the next {found.lines[0].horizon_minutes} minutes"
    head = ["Said", "Happened", "Predictions"]
    help_ = "What was said against how often it happened; on the dashed line they agree."
    return {"title": title, "data": data, "head": head, "rows": shown, "help": help_}


def _skill(found: Any) -> dict[str, Any] | None:
    if not found.daily:
        return None
    horizon, days = next(iter(found.daily.items()))
    known = [(int(day), _known(skill)) for day, skill in days]
    data = {
        "x": [day for day, _ in known], "time": True, "kind": "points",
        "series": [{"label": "Brier skill", "values": [skill for _, skill in known], "role": "value"}],
    }  # fmt: skip
    rows = [[_utc(day), number(skill)] for day, skill in known]
    title, help_ = f"Skill of the next {horizon} minutes by day", "Above 0 beats the base rate; 1 is perfect."
    return {"title": title, "data": data, "head": ["Day", "Brier skill"], "rows": rows, "help": help_}


def _coverage(found: Any) -> dict[str, Any] | None:
    whole = next((each for each in found.bands if not each.metric and not each.model), None)
    if whole is None or not whole.coverage:
        return None
    steps = list(range(1, len(whole.coverage) + 1))
    values = [_known(each) for each in whole.coverage]
    data = {
        "x": steps, "xLabel": "step", "kind": "points",
        "series": [
            {"label": "coverage", "values": values, "role": "value"},
            {"label": "promised", "values": [0.9] * len(steps), "role": "bound"},
        ],
    }  # fmt: skip
    rows = [[str(step), percent(value)] for step, value in zip(steps, values, strict=True)]
    help_ = f"The joint band held {percent(_known(whole.joint_coverage))} of {whole.n_paths:,} whole paths."
    title = "Coverage of the 90 % band by step"
    return {"title": title, "data": data, "head": ["Step", "Coverage"], "rows": rows, "help": help_}


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _utc(seconds: int | None) -> Any:
    return NOTHING if seconds is None else instant(instant_of(seconds))
