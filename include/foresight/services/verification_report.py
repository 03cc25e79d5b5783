"""How good the probabilities of the last days were: scores from the stored daily sums, as values to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from sqlalchemy import Connection

from foresight.analysis.arrays import Integers, Vector
from foresight.errors import FinalError, NotFound
from foresight.forecasting.verification import EDGES, Reliability, Scores, Sums
from foresight.services.backtest import without_nan
from foresight.services.verified_sums import as_arrays, sums_of
from foresight.store import Store
from foresight.store.verification import sum_bands, sum_by, sum_counts

DAY: Final = 86_400
MOST_DAYS: Final = 400
PRIOR: Final = 0.02
"""What an SLI's own past says before its first day is over."""
_FIGURES: Final = ("n_minutes", "sum_minutes_off", "n_begun", "n_foretold", "sum_lead_minutes")
Grouping = Literal["horizon", "sla", "metric", "model", "calibrator"]
GROUPINGS: Final[Mapping[Grouping, str | None]] = {
    "horizon": None, "sla": "sla_name", "metric": "metric", "model": "model", "calibrator": "calibrator",
}  # fmt: skip
"""What scores can be told apart by, and the column that says it; each horizon is always by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The scores of one group at one horizon."""

    name: str
    horizon_minutes: int
    scores: Scores
    reliability: Reliability
    first_minute_error: float
    """Mean absolute error of the expected first minute, of those violated; minutes."""
    foretold: float
    """Share of the violations that an alert had stood before; as ``lead_minutes`` over those."""
    lead_minutes: float
    said_03: float
    """How often what was said with .25 to .35 happened."""


@dataclass(frozen=True, slots=True)
class BandLine:
    """How the bands of one metric and forecaster held; of all together where both are empty."""

    metric: str
    model: str
    n_paths: int
    joint_coverage: float
    coverage: tuple[float, ...]
    """By step, of the band between the 5 % and the 95 % quantile."""
    width: float
    """Of the joint band, over the series' mean change a slot; so are the next two."""
    mase: float
    crps: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Everything about the days in ``[since, until)``, epoch seconds."""

    since: int
    until: int
    grouping: str
    counts: Mapping[str, int]
    """Of predictions: judged, and why others were not."""
    lines: Sequence[Line]
    bands: Sequence[BandLine]
    daily: Mapping[int, Sequence[tuple[int, float]]]
    """By horizon, day and Brier skill."""

    def plain(self) -> dict[str, Any]:
        """The same as JSON values; NaN becomes None."""
        lines = [
            {
                "name": line.name, "horizon_minutes": line.horizon_minutes, **asdict(line.scores),
                "first_minute_error": line.first_minute_error, "foretold": line.foretold,
                "lead_minutes": line.lead_minutes, "said_03": line.said_03,
                "reliability": {
                    name: getattr(line.reliability, name).tolist() for name in ("count", "said", "happened")
                },
            }
            for line in self.lines
        ]  # fmt: skip
        daily = {
            str(horizon): [{"day": day, "skill": skill} for day, skill in days]
            for horizon, days in self.daily.items()
        }
        found: dict[str, Any] = without_nan({
            "since": self.since, "until": self.until, "grouping": self.grouping, "counts": dict(self.counts),
            "lines": lines, "bands": [asdict(each) for each in self.bands], "daily": daily,
        })  # fmt: skip
        return found


def report(store: Store, as_of: int, *, days: int = 30, grouping: Grouping = "horizon") -> Report:
    """The report of the last ``days`` days, today included, told apart by ``grouping``.

    AUC and average precision are those of the bins of the sums. Raises ``FinalError`` for what cannot be
    asked, and ``NotFound`` where nothing was judged in that time.
    """
    if grouping not in GROUPINGS:
        raise FinalError(f"a report is by {', '.join(GROUPINGS)}, not by {grouping!r}")
    if not 1 <= days <= MOST_DAYS:
        raise FinalError(f"a report covers 1 to {MOST_DAYS} days, got {days}")
    until = (as_of // DAY + 1) * DAY
    since = until - days * DAY
    column = GROUPINGS[grouping]
    by = ["horizon_minutes", *([column] if column else [])]
    slis = ["sla_name", "sli_name", "sli_revision", "day"]

    def work(connection: Connection) -> tuple[Any, ...]:
        return (
            sum_by(connection, since, until, [*by, "bin"]),
            sum_by(connection, since, until, list(dict.fromkeys([*by, *slis]))),
            sum_by(connection, since, until, ["horizon_minutes", "day", "bin"]),
            sum_bands(connection, since, until),
            sum_counts(connection, since, until),
        )

    binned, past, daily, bands, counts = store.read(work)
    if not counts["n_predicted"]:
        raise NotFound("no prediction of that time was judged yet: forecast_verification judges them")
    return Report(since, until, grouping, counts, _lines(binned, past, by), _band_lines(bands), _daily(daily))


def _lines(binned: Mapping[str, Any], past: Mapping[str, Any], by: Sequence[str]) -> list[Line]:
    errors, own = own_past_errors(past), _places(past, by)
    binned = as_arrays(binned)
    figures = {name: np.array(binned[name], np.float64) for name in _FIGURES}
    places = _places(binned, by)
    return [
        _line(key, sums_of(binned, rows), float(errors[own[key]].sum()), _totals(figures, rows))
        for key, rows in sorted(places.items(), key=lambda each: str(each[0]))
    ]


def _totals(figures: Mapping[str, Vector], rows: Integers) -> dict[str, float]:
    return {name: float(values[rows].sum()) for name, values in figures.items()}


def _line(key: tuple[Any, ...], sums: Sums, own_past: float, total: Mapping[str, float]) -> Line:
    middle = slice(EDGES.index(0.25), EDGES.index(0.35))
    return Line(
        str(key[1]) if len(key) > 1 and key[1] is not None else "", int(key[0]),
        sums.scores(own_past), sums.reliability,
        _ratio(total["sum_minutes_off"], total["n_minutes"]),
        _ratio(total["n_foretold"], total["n_begun"]),
        _ratio(total["sum_lead_minutes"], total["n_foretold"]),
        _ratio(float(sums.violated[middle].sum()), float(sums.count[middle].sum())),
    )  # fmt: skip


def own_past_errors(past: Mapping[str, Any]) -> Vector:
    """The summed squared error, row by row, of what each SLI's own earlier days said of its day.

    ``past`` holds one row or more an SLI, revision, horizon and day: the frequency of the days before, with
    :data:`PRIOR` counted once.
    """
    n, violated = np.array(past["n"], np.float64), np.array(past["n_violated"], np.float64)
    names = ("sla_name", "sli_name", "sli_revision", "horizon_minutes")
    errors = np.zeros(len(n))
    day = np.array(past["day"], np.int64)
    for mine in _places(past, names).values():
        days, which = np.unique(day[mine], return_inverse=True)
        total = np.bincount(which, n[mine], minlength=len(days))
        bad = np.bincount(which, violated[mine], minlength=len(days))
        said = ((np.cumsum(bad) - bad + PRIOR) / (np.cumsum(total) - total + 1.0))[which]
        errors[mine] = violated[mine] * (1.0 - said) ** 2 + (n[mine] - violated[mine]) * said**2
    return errors


def _daily(daily: Mapping[str, Any]) -> dict[int, list[tuple[int, float]]]:
    daily = as_arrays(daily)
    found: dict[int, list[tuple[int, float]]] = {}
    for (horizon, day), rows in sorted(_places(daily, ("horizon_minutes", "day")).items()):
        found.setdefault(int(horizon), []).append((int(day), sums_of(daily, rows).scores().skill))
    return found


def _band_lines(rows: Sequence[Mapping[str, Any]]) -> list[BandLine]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        for key in (("", ""), (row["metric"], row["model"])):
            groups.setdefault(key, []).append(row)
    return [_band_line(*key, members) for key, members in sorted(groups.items())]


def _band_line(metric: str, model: str, rows: Sequence[Mapping[str, Any]]) -> BandLine:
    def total(name: str) -> float:
        return float(sum(row[name] for row in rows))

    steps, inside = (np.array([row[name] for row in rows]).sum(axis=0) for name in ("n_steps", "n_inside"))
    scaled = total("n_scaled")
    return BandLine(
        metric, model, int(total("n_paths")), _ratio(total("n_held"), total("n_paths")),
        tuple(_ratio(a, b) for a, b in zip(inside.tolist(), steps.tolist(), strict=True)),
        _ratio(total("sum_width"), scaled), _ratio(total("sum_error"), scaled),
        _ratio(total("sum_crps"), scaled),
    )  # fmt: skip


def _places(rows: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[tuple[Any, ...], Integers]:
    """The rows of each combination of some columns."""
    places: dict[tuple[Any, ...], list[int]] = {}
    for at, key in enumerate(zip(*(rows[name] for name in names), strict=True)):
        places.setdefault(key, []).append(at)
    return {key: np.array(found) for key, found in places.items()}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
