"""What a definition would have said, or would say; how good the probabilities were; the calibrator in use."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from anyio import to_thread
from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from foresight.grid import whole_seconds
from foresight.services import slas as all_slas
from foresight.store.tables import calibrator_change
from foresight.web.context import Doors
from foresight.web.errors import as_mistakes
from foresight.web.fields import PLAIN, Form, Shown, When, instant_of, row_model
from foresight.web.listing import BASE
from foresight.web.slas import SlaName, SliName

CalibratorChange = row_model("CalibratorChange", tuple(calibrator_change.c))
MOST_HOURS = 24
"""Hours of one back-test over HTTP: the DAG ``sla_backtest`` does longer ones."""
Bound = Annotated[float, Field(ge=-1e300, le=1e300)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class WhatIfForm(Form):
    """What would be different. A field that is left out stays; null opens a bound."""

    min: Bound | None = None
    max: Bound | None = None
    objective: Probability | None = None
    at_risk_probability: Probability | None = None
    as_of: When | None = Field(default=None, description="By default that of the newest status")


class BacktestForm(Form):
    """What is tested."""

    sli: Annotated[str, Field(pattern=PLAIN, max_length=512)] | None = Field(
        default=None, description="All of them by default"
    )
    hours: Annotated[int, Field(ge=1, le=MOST_HOURS)] = 6
    until: When | None = Field(default=None, description="By default the newest analysed interval")
    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    cost_ratio: Annotated[float, Field(gt=0, le=1e6)] = 10.0


class RollBackForm(Form):
    """Why the calibrator before is wanted, and which one is believed to be in use."""

    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=PLAIN)]
    expected: Annotated[str, Field(max_length=128, pattern=PLAIN)] | None = Field(
        default=None, description="The calibrator in use; 409 where it is another"
    )


class ExplanationView(Shown):
    """One SLI and horizon at the newest as-of."""

    sli: str
    horizon_minutes: int
    probability: float | None
    calibrator: str
    sentences: list[str]


class ExplanationsView(Shown):
    """Why each SLI of an SLA has its probability."""

    explanations: list[ExplanationView]


class CalibratorView(Shown):
    """One stored calibrator."""

    version: str
    kind: str
    fitted_at: datetime


class CalibratorsView(Shown):
    """Every decision, the newest first, and every stored calibrator."""

    changes: list[CalibratorChange]  # type: ignore[valid-type] # made from the table
    calibrators: list[CalibratorView]


class InUseView(Shown):
    """The calibrator in use after a decision."""

    in_use: str
    action: str
    reason: str


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""
    _install_definitions(app, doors)
    _install_judgement(app, doors)


def _install_definitions(app: FastAPI, doors: Doors) -> None:
    @app.post(f"{BASE}/slas/{{name}}/slis/{{sli_name}}/whatIf", response_model=dict[str, Any])
    async def ask_what_if(name: SlaName, sli_name: SliName, wanted: WhatIfForm) -> Response:
        """Past violations, budget and present risk with another bound or objective; nothing is saved."""
        return _json(await to_thread.run_sync(_what_if, doors, name, sli_name, wanted))

    @app.post(f"{BASE}/slas/{{name}}/backtest", response_model=list[dict[str, Any]])
    async def run_backtest(name: SlaName, wanted: BacktestForm) -> Response:
        """What the probabilities would have said over stored history, and the threshold that costs least."""
        return _json(await to_thread.run_sync(_backtest, doors, name, wanted))

    @app.get(f"{BASE}/slas/{{name}}/explanation", response_model=ExplanationsView)
    def get_explanation(name: SlaName) -> Any:
        """Why each SLI has its probability, as stored with the newest predictions."""
        from foresight.services.explanations import explain_status

        return {"explanations": [asdict(each) for each in explain_status(doors.store, name)]}


def _install_judgement(app: FastAPI, doors: Doors) -> None:
    @app.get(f"{BASE}/verification", response_model=dict[str, Any])
    def get_verification(
        days: Annotated[int, Query(ge=1, le=365)] = 30,
        by: Literal["horizon", "sla", "metric", "model", "calibrator"] = "horizon",
    ) -> Response:
        """Scores of the probabilities against what happened: skill, reliability, coverage, lead time."""
        from foresight.services.verification_report import report

        with as_mistakes():
            return _json(report(doors.store, doors.now, days=days, grouping=by).plain())

    @app.get(f"{BASE}/calibrators", response_model=CalibratorsView)
    def get_calibrators() -> Any:
        """Every decision about the calibrator in use, and every stored calibrator."""
        from foresight.services.calibrators import history

        changes, versions = history(doors.store)
        return {
            "changes": [{**asdict(each), "as_of": instant_of(each.as_of)} for each in changes],
            "calibrators": [
                {"version": version, "kind": row["kind"], "fitted_at": instant_of(row["fitted_at"])}
                for version, row in versions.items()
            ],
        }

    @app.post(f"{BASE}/calibrators/rollback", response_model=InUseView)
    def roll_back_calibrator(request: Request, why: RollBackForm) -> Any:
        """Goes back to the calibrator before the one in use."""
        from foresight.services.calibrators import roll_back

        by = request.state.caller.name
        found = roll_back(doors.store, doors.now, by=by, reason=why.reason, expected=why.expected)
        return {"in_use": found.in_use, "action": found.action, "reason": found.reason}


def _what_if(doors: Doors, name: str, sli: str, wanted: WhatIfForm) -> Any:
    # Here, for they read the forecaster, which few routes need.
    from foresight.services.backtest import without_nan
    from foresight.services.what_if import stored_what_if

    changes = {field: getattr(wanted, field) for field in wanted.model_fields_set - {"as_of"}}
    at = None if wanted.as_of is None else whole_seconds(wanted.as_of)
    with as_mistakes():
        return without_nan(stored_what_if(doors.store, name, sli, changes, at).plain())


def _backtest(doors: Doors, name: str, wanted: BacktestForm) -> Any:
    from foresight.services.backtest import BacktestOptions, backtest_sla
    from foresight.services.maintenance import list_downtime
    from foresight.services.sla_history import stored_history

    store = doors.store
    sla, end = all_slas.get_sla(store, name), _end(doors, wanted.until)
    with as_mistakes():
        options = BacktestOptions(end - wanted.hours * 3600, end, wanted.every_minutes, wanted.cost_ratio)
        downtime = list_downtime(store)
        found = backtest_sla(stored_history(store), sla, options, sli=wanted.sli, downtime=downtime)
    return [each.plain() for each in found]


def _end(doors: Doors, given: datetime | None) -> int:
    from foresight.services.sla_history import as_of_or_newest

    text = given.isoformat() if given else ""
    return as_of_or_newest(doors.store, text, is_stored=True, now=doors.now)


def _json(found: Any) -> Response:
    return Response(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
