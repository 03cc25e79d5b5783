"""The steps of ``forecast_verification`` and ``sla_backtest``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from foresight.orchestration.runs import change_by, due_at
from foresight.orchestration.window import resolve_window
from foresight.services import calibrators, verification
from foresight.services.backtest import BacktestOptions, backtest_sla, without_nan
from foresight.services.maintenance import list_downtime
from foresight.services.sla_history import as_of_or_newest, source_history, stored_history
from foresight.services.slas import get_sla
from foresight.services.verification_plots import backtest_picture
from foresight.wiring.connections import open_telemetry, results
from foresight.wiring.files import backtest_folder
from foresight.wiring.settings import catalogue

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def verify(context: Context) -> list[dict[str, int]]:
    """Judges what is due at the run's as-of; answers the hours with their counts."""
    found = verification.plain_hours(verification.verify_due(results(), resolve_window(context).as_of))
    for hour in found:
        log.info("%s", hour)
    return found


def watch(context: Context) -> dict[str, Any] | None:
    """Takes a calibrator back that has become worse; a backfill tells nothing of the present."""
    if _is_backfill(context):
        return None
    store, as_of = results(), resolve_window(context).as_of
    found = calibrators.watch(store, as_of, by=change_by(context, "").by)
    return None if found is None else without_nan(asdict(found))


def refit(context: Context) -> list[dict[str, Any]]:
    """Refits the calibrator as the run's parameter says; answers what was decided."""
    wish = context["params"]["refit"]
    if wish == "never" or (wish == "daily" and _is_backfill(context)):
        return []
    store, as_of, by = results(), resolve_window(context).as_of, change_by(context, "").by
    if wish == "now":
        decisions = calibrators.refit(store, as_of, by=by)
    else:
        decisions = calibrators.refit_due(store, as_of, by=by)
    return [without_nan(asdict(each)) for each in decisions]


def backtest(context: Context) -> dict[str, Any]:
    """Back-tests an SLA and writes report and picture; answers where they are, and the advice by SLI."""
    params, store, is_stored = context["params"], results(), context["params"]["source"] == "store"
    end = as_of_or_newest(store, params["as_of"] or "", is_stored=is_stored, now=due_at(context))
    options = BacktestOptions(
        end - int(params["days"] * 1440) * 60, end, params["every_minutes"], params["cost_ratio"]
    )
    read = stored_history(store) if is_stored else source_history(open_telemetry(), catalogue())
    found = backtest_sla(
        read, get_sla(store, params["sla"]), options, sli=params["sli"] or None,
        downtime=list_downtime(store), progress=lambda done, total: log.info("%d of %d origins", done, total),
    )  # fmt: skip
    folder = backtest_folder() / f"{params['sla']}-{end}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(orjson.dumps([each.plain() for each in found]))
    (folder / "report.png").write_bytes(backtest_picture(found))
    thresholds = {each.sli: each.recommended.threshold if each.recommended else None for each in found}
    return {"folder": str(folder), "recommended": thresholds}


def _is_backfill(context: Context) -> bool:
    return bool(context["dag_run"].run_type.value == "backfill")
