"""What the demo says about scored records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from foresight.cli.console import console

if TYPE_CHECKING:
    from foresight.demo.scoring import Scored

FIELDS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SHOWN = 4


def show_scored(scored: Scored) -> None:
    """A few records of both outputs, with their prediction or the reason why there is none."""
    title = (
        f"{scored.model}, version {scored.version}: {scored.n_read} flowers, {len(scored.good)} good "
        f"({scored.n_right} of them right), {len(scored.bad)} bad"
    )
    table = Table("output", *FIELDS, "species", "prediction or reason", title=escape(title), box=None)
    step = max(1, len(scored.good) // SHOWN)
    for record in scored.good[::step][:SHOWN]:
        said = record["Prediction"]
        table.add_row(*_row("good", record), escape(f"{said['PredictedValue']}, {said['Confidence']:.2f}"))
    for record in scored.bad[:SHOWN]:
        table.add_row(*_row("bad", record), escape(record["PredictionError"]))
    console.print(table)


def _row(output: str, record: dict[str, Any]) -> list[str]:
    values = [escape(str(record.get(name))) for name in FIELDS]
    return [output, *values, escape(str(record.get("species")))]
