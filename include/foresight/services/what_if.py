"""What another bound or objective would mean: past violations, budget and present risk. Nothing is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from foresight.errors import FinalError, NotFound
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.parameters import ForecastParameters
from foresight.grid import STEP_SECONDS, WINDOW_SECONDS, Grid, whole_seconds
from foresight.series import SeriesMatrix
from foresight.services.indicator_risks import ENOUGH
from foresight.services.maintenance import list_downtime
from foresight.services.sla_history import ReadHistory, history_of_sla, stored_history
from foresight.services.sla_views import view
from foresight.services.slas import get_sla
from foresight.sla.definitions import Sla, Sli
from foresight.sla.downtime import Maintenance, excluded_slots
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.status import SlaStatus
from foresight.sla.statuses import evaluate
from foresight.sla.tracks import grid_with_lead, tracks_of
from foresight.sla.windows import shape_of
from foresight.store import Store

FIELDS: Final = {
    "min": "lower", "max": "upper", "objective": "objective", "windows": "windows",
    "at_risk_probability": "at_risk_probability", "slice_target": "slice_target",
}  # fmt: skip
"""What may be changed, by the name that people write; a bound of None is open."""
SHORTEST = WINDOW_SECONDS // STEP_SECONDS


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One SLI as it is and as it would be, evaluated on the same samples."""

    present: SlaStatus
    changed: SlaStatus

    def plain(self) -> dict[str, Any]:
        """Both as JSON values."""
        return {"present": _plain(self.present), "changed": _plain(self.changed)}


def _plain(status: SlaStatus) -> dict[str, Any]:
    """One SLI: state, bounds, present risk of the worst series, and every window with its violations."""
    sli = status.slis[0]
    risk = sli.worst.risk if sli.worst else None
    return {
        "sla": status.sla.name, "sli": sli.sli.name, "as_of": status.as_of, "state": str(sli.state),
        "min": sli.sli.lower, "max": sli.sli.upper, "objective": sli.sli.objective,
        "n_series": len(sli.series),
        "probability": risk.probability if risk else None,
        "expected_first_slot": risk.first_slot if risk else None,
        "windows": [asdict(window) for window in sli.windows],
    }  # fmt: skip


def what_if(
    read: ReadHistory,
    sla: Sla,
    sli: str,
    changes: Mapping[str, Any],
    as_of: int,
    *,
    downtime: Sequence[Maintenance] = (),
    calibrator: Calibrator | None = None,
) -> WhatIf:
    """Evaluates one SLI at ``as_of`` with some of :data:`FIELDS` changed, beside the SLI as it is.

    All windows are counted from samples: what retention has removed counts as missing. Raises ``NotFound``
    for an SLI that the SLA has not and where no sample is there, ``FinalError`` for a change that cannot be.
    """
    present, changed = _only(sla, sli), _only(sla, sli)
    changed = replace(changed, slis=(changed_sli(changed.slis[0], changes),))
    windows = [shape_of(each.slis[0], as_of).counted for each in (present, changed)]
    longest = max((minutes[-1] for minutes in windows if minutes), default=SHORTEST)
    grid = Grid(as_of, max(longest, SHORTEST), STEP_SECONDS)
    history_of_sla(read, present, grid.tail(SHORTEST), downtime)  # raises where there is nothing
    matrix = read([present], grid_with_lead(grid))
    return WhatIf(*(_evaluated(each, matrix, grid, downtime, calibrator) for each in (present, changed)))


def stored_what_if(
    store: Store, name: str, sli: str, changes: Mapping[str, Any], as_of: int | None = None
) -> WhatIf:
    """The same of what is stored, at the whole minute of ``as_of`` or at the newest status of the SLI.

    Planned downtime is left out, as in evaluations. Raises ``NotFound`` for an SLA that is not there, too.
    """
    sla = get_sla(store, name)
    if as_of is None:
        as_of = whole_seconds(view(store, name, sli=sli).slis[0]["as_of"])
    end = as_of - as_of % STEP_SECONDS
    return what_if(stored_history(store), sla, sli, changes, end, downtime=list_downtime(store))


def changed_sli(sli: Sli, changes: Mapping[str, Any]) -> Sli:
    """The SLI with these changes; raises ``FinalError`` for one that is not known, or not allowed."""
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise FinalError(f"what-if knows no field {unknown[0]!r}; it knows {', '.join(FIELDS)}")
    if not changes:
        raise FinalError(f"what-if needs at least one change of {', '.join(FIELDS)}")
    plain = {FIELDS[name]: value for name, value in changes.items()}
    try:
        if "at_risk_probability" in plain:
            plain["choices"] = replace(sli.choices, at_risk_probability=plain.pop("at_risk_probability"))
        if "slice_target" in plain:
            plain["budget"] = replace(sli.budget, slice_target=plain.pop("slice_target"))
        if "windows" in plain:
            plain["windows"] = tuple(plain["windows"])
        return replace(sli, **plain)
    except (TypeError, ValueError) as error:
        raise FinalError(f"SLI {sli.name!r} cannot be changed so: {error}") from error


def _only(sla: Sla, name: str) -> Sla:
    for sli in sla.slis:
        if sli.name == name:
            return replace(sla, slis=(sli,))
    raise NotFound(f"SLA {sla.name!r} has no SLI {name!r}; it has {', '.join(s.name for s in sla.slis)}")


def _evaluated(
    sla: Sla,
    matrix: SeriesMatrix,
    grid: Grid,
    downtime: Sequence[Maintenance],
    calibrator: Calibrator | None,
) -> SlaStatus:
    mine = [window for window in downtime if window.covers(sla)]
    mask = {sla.name: excluded_slots(mine, grid)} if mine else {}
    tracks = tracks_of([sla], matrix, downtime=mask, has_lead=True)
    samples = tracks.at_risk()
    recent = SeriesMatrix(
        samples.keys, grid.tail(SHORTEST), np.ascontiguousarray(samples.values[:, -SHORTEST:])
    )
    ahead = RiskForecasts.of(
        recent, tracks.pairs, sla.horizon_minutes, ForecastParameters(enough=ENOUGH), calibrator
    )
    [status] = evaluate([sla], tracks.matrix, tracks=tracks, forecasts=ahead)
    return status
