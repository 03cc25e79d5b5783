"""Parts that several pages show: the course of a series, the reasons of a probability."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from foresight.instants import minute_text
from foresight.services.fleet import Course
from foresight.web.pages.rendering import NOTHING, number, percent

Numbers = list[float | None]
COMPONENTS: Final = {
    "paths": "recent movement carried on",
    "alike": "what followed similar stretches",
    "climate": "how often this level is left at all",
    "very_alike": "what followed the most similar ones",
    "recent": "how often it was left lately",
    "hours": "how often it was left in these hours",
    "same_level": "what followed this level",
    "phase": "the same phase of the period",
    "near_phase": "the phases beside it",
}
"""What the parts of a probability are called, where the page knows a name."""


def course_plot(
    course: Course, lower: float | None, upper: float | None
) -> tuple[dict[str, Any] | None, list[list[str]]]:
    """The data of the plot of a series with its forecast and bounds, and the same numbers as rows."""
    if not any(value is not None for value in course.values) and not course.ahead:
        return None, []
    ahead = [
        (int(row["slot"].replace(tzinfo=row["slot"].tzinfo or UTC).timestamp()), row) for row in course.ahead
    ]
    x = [*course.slots, *(slot for slot, _ in ahead)]
    n_before, n_after = len(course.slots), len(ahead)

    def after(name: str) -> Numbers:
        return [*([None] * n_before), *(row.get(name) for _, row in ahead)]

    values: Numbers = [*course.values, *([None] * n_after)]
    series: list[dict[str, Any]] = [
        {"label": "value", "values": values, "role": "value"},
        {"label": "forecast", "values": after("mean"), "role": "mean"},
        {"label": "5 %", "values": after("q05"), "role": "edge"},
        {"label": "95 %", "values": after("q95"), "role": "edge"},
        {"label": "joint low", "values": after("joint_low"), "role": "joint"},
        {"label": "joint high", "values": after("joint_high"), "role": "joint"},
    ]
    for name, bound in (("smallest good", lower), ("largest good", upper)):
        if bound is not None:
            series.append({"label": name, "values": [bound] * len(x), "role": "bound"})
    data = {"x": x, "time": True, "series": series, "bands": [[3, 2, "--risk-back"]]}
    rows = [
        [f"{minute_text(at)} UTC", *(number(series[index]["values"][place]) for index in range(4))]
        for place, at in enumerate(x)
        if values[place] is not None or place >= n_before
    ]
    return data, rows


def words_of(row: Mapping[str, Any]) -> list[str]:
    """Why an SLI has its risk, in short sentences."""
    found = []
    explanation = row.get("explanation") or {}
    found += [str(word) for word in explanation.get("words", ())] if isinstance(explanation, Mapping) else []
    components = row.get("components") or {}
    said = [
        f"{COMPONENTS.get(name, name.replace('_', ' '))}: {percent(value)}"
        for name, value in components.items()
        if value is not None
    ]
    if said:
        found.append("Each view of the forecast by itself says: " + ", ".join(said) + ".")
    if row.get("model"):
        mase = row.get("mase")
        error = (
            "" if mase is None else f", whose error in the back-test is {number(mase)} of a plain repeat's"
        )
        found.append(
            f"The forecaster is {row['model']}{error}; the calibrator is {row.get('calibrator') or NOTHING}."
        )
    return found
