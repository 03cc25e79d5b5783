"""Parameters of ``slice_prediction`` that keep capacity safe over time and read what senders differ in."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Param


def share(value: float, title: str, text: str, least: int = 0, most: int = 1) -> Param:
    """A parameter from 0 to 1, or between other bounds."""
    return Param(value, type="number", minimum=least, maximum=most, title=title, description=text)


FIELD: Final = {
    "granularity_seconds": Param(
        900,
        type="integer",
        minimum=1,
        maximum=86_400,
        title="Granularity",
        description="Length in seconds of the periods that are decided on; others are stored and not used.",
    ),
    "floor_share": share(0.5, "Floor", "Fewest connections of a cell, as a part of its anchor."),
    "ceiling_share": share(
        2.0, "Ceiling", "Most connections of a cell, as a multiple of its anchor.", 1, 100
    ),
    "day_cell_share": share(0.5, "Limit of a cell and day", "Largest change of a cell within a day."),
    "day_slice_share": share(0.2, "Limit of a slice and day", "Largest change of its sum within a day."),
    "repeats": Param(
        3,
        type="integer",
        minimum=0,
        maximum=100,
        title="Repeats",
        description="How often a change that the configuration does not take up is sent again.",
    ),
    "counter_names": Param(
        [],
        type="array",
        items={"type": "string", "pattern": "^[0-9]{1,9}=.+$", "maxLength": 265},
        maxItems=10_000,
        title="Names of counters",
        description="Counters that events give as numbers (iMeasTypesList), one a line: number=name.",
    ),
}
