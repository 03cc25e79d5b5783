"""Pictures of how good probabilities were: PNG bytes, drawn by matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from foresight.forecasting.verification import N_BINS, Reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from foresight.services.backtest import SliBacktest
    from foresight.services.verification_report import Report

DPI = 110


def backtest_picture(found: Sequence[SliBacktest]) -> bytes:
    """For each SLI the reliability diagram, and hits, false alarms and cost by threshold."""
    figure = _figure(2, len(found))
    panels = figure.subplots(len(found), 2, squeeze=False)
    for (left, right), sli in zip(panels, found, strict=True):
        draw_reliability(left, sli.reliability)
        left.set_title(f"{sli.sla} / {sli.sli}, {sli.horizon_minutes} min", parse_math=False)
        weighed = sli.thresholds
        right.plot(weighed.threshold, weighed.hits, label="hits")
        right.plot(weighed.threshold, weighed.false_alarms, label="false alarms")
        right.plot(weighed.threshold, weighed.misses, label="misses")
        right.set(xlabel="alert from this probability on", ylabel="predictions")
        right.set_yscale("symlog")
        cost = right.twinx()
        cost.plot(weighed.threshold, weighed.cost, color="#333", linestyle=":", label="cost")
        cost.set_ylabel("cost in false alarms")
        if sli.recommended is not None:
            right.axvline(sli.recommended.threshold, color="#d1495b", linewidth=1)
        right.legend(loc="upper right")
    return _png(figure)


def draw_reliability(axes: Any, bins: Reliability, label: str = "") -> None:
    """What was said against what happened, a point a bin, its size by its number of predictions."""
    some = bins.count > 0
    said, happened = bins.said[some] / bins.count[some], bins.happened[some] / bins.count[some]
    axes.plot([0, 1], [0, 1], color="#bbb", linewidth=1)
    [line] = axes.plot(said, happened, linewidth=1, label=label or None)
    axes.scatter(said, happened, s=8 + 12 * np.log10(bins.count[some]), color=line.get_color())
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", ylabel="share that was violated")
    axes.set_xticks(np.linspace(0, 1, N_BINS // 2 + 1))
    axes.grid(visible=True, alpha=0.3)


def _figure(columns: int, rows: int) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(5.2 * columns, 3.8 * max(rows, 1)), layout="constrained")


def _png(figure: Figure) -> bytes:
    made = BytesIO()
    figure.savefig(made, format="png", dpi=DPI, metadata={"Software": None})
    return made.getvalue()


def report_picture(found: Report) -> bytes:
    """Reliability by horizon, coverage by step, and skill over time."""
    figure = _figure(3, 1)
    left, middle, right = figure.subplots(1, 3)
    horizons = sorted({line.horizon_minutes for line in found.lines})
    for horizon in horizons:
        mine = [line.reliability for line in found.lines if line.horizon_minutes == horizon]
        draw_reliability(left, sum(mine[1:], mine[0]), f"{horizon} min")
    if horizons:
        left.legend(loc="upper left")
    for band in found.bands:
        if not band.metric:
            steps = range(1, len(band.coverage) + 1)
            middle.plot(steps, band.coverage, marker="o", label="each step by itself")
            middle.axhline(band.joint_coverage, color="#d1495b", label="all steps together")
            middle.legend(loc="lower left")
    middle.axhline(0.9, color="#bbb", linewidth=1)
    middle.set(xlabel="minutes ahead", ylabel="share inside the 90 % band", ylim=(0.5, 1))
    for horizon, days in found.daily.items():
        instants = [datetime.fromtimestamp(day, UTC) for day, _ in days]
        right.plot(instants, [skill for _, skill in days], marker="o", label=f"{horizon} min")
    right.axhline(0, color="#bbb", linewidth=1)
    right.set(ylabel="Brier skill by day")
    right.tick_params(axis="x", rotation=45)
    if found.daily:
        right.legend(loc="lower left")
    return _png(figure)
