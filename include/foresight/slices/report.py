"""What a training run has to show: numbers as plain values, and pictures as SVG that any browser opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from foresight.slices.recording import PERIODS_A_DAY
from foresight.slices.targets import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from foresight.slices.judgement import Score
    from foresight.slices.training import Trained

_POINTS: Final = 400


def report(trained: Trained) -> dict[str, Any]:
    """Everything about a training run that is worth keeping, as JSON values; NaN becomes ``None``."""
    card, verdict = trained.model.card, trained.verdict
    found: dict[str, Any] = _plain({
        "is_promoted": verdict.is_promoted,
        "reason": verdict.reason,
        "score": asdict(verdict.score),
        "rivals": [asdict(rival) | {"is_beaten": rival.is_beaten} for rival in verdict.rivals],
        "card": asdict(card),
        "losses": trained.losses.tolist(),
    })  # fmt: skip
    return found


def plots(trained: Trained) -> dict[str, str]:
    """SVG by name: errors with their intervals, the last held-out day of one cell, the loss of each epoch."""
    verdict = trained.verdict
    scores = {"model": verdict.score} | {rival.name: rival.score for rival in verdict.rivals}
    found = {"errors": _bars("RMSE in connections, 95 % interval", scores)}
    cells = np.flatnonzero(np.isfinite(trained.answers["answer"]).any(axis=1))
    if len(cells):
        shown: list[str] = [name for name in ("answer", "model", "last_value") if name in trained.answers]
        lines = {name: trained.answers[name][cells[0], -PERIODS_A_DAY:] for name in shown}
        found["held_out"] = _lines("Last held-out periods of one cell, connections", lines)
    if len(trained.losses):
        losses = {"training": trained.losses[:, 0], "validation": trained.losses[:, 1]}
        found["losses"] = _lines("Loss by epoch", losses, is_log=True)
    return found


def page(trained: Trained) -> str:
    """The same as one self-contained HTML page: the verdict, a table of errors, the plots, the card."""
    verdict, card = trained.verdict, trained.model.card
    lines = [("this model", verdict.score, "")]
    lines += [(r.name, r.score, "beaten" if r.is_beaten else "not beaten") for r in verdict.rivals]
    errors = [(name, f"{s.rmse:.3g}", f"{s.low:.3g} to {s.high:.3g}", word) for name, s, word in lines]
    about = [
        ("target", str(card.target)),
        ("source", card.source),
        ("training rows", card.data_sha256),
        ("training range", " to ".join(map(str, card.training_range))),
        ("seed", str(card.seed)),
        *((name, found) for name, found in sorted(card.versions.items())),
    ]
    title = "Earns its place" if verdict.is_promoted else "Does not earn its place"
    head = ("answer", "RMSE, connections", "95 % interval", "")
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Slice model</title>\n'
        "<style>body{font:15px sans-serif;max-width:760px;margin:2em auto}td,th{padding:2px 12px 2px 0;"
        "text-align:left;overflow-wrap:anywhere}</style>\n"
        f"<h1>{title}</h1>\n<p>{escape(verdict.reason)}</p>\n{_table(errors, head)}\n"
        f"{''.join(plots(trained).values())}\n<h2>The model</h2>\n{_table(about)}\n</html>\n"
    )


def _table(lines: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "\n".join(row(line, "td") for line in lines) + "</table>"


def _bars(title: str, scores: Mapping[str, Score]) -> str:
    """A bar for each answer, with its interval."""
    known = {name: score for name, score in scores.items() if np.isfinite(score.rmse)}
    figure = _figure(title, 0.4 * len(known) + 1.2)
    axes = figure.subplots()
    values = np.array([score.rmse for score in known.values()])
    reach = [values - [s.low for s in known.values()], [s.high for s in known.values()] - values]
    axes.barh(list(known), values, xerr=np.maximum(reach, 0.0), color="#1b6ca8", ecolor="#333")
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", alpha=0.3)
    return _svg(figure)


def _lines(title: str, lines: Mapping[str, Floats], *, is_log: bool = False) -> str:
    """A line for each name."""
    figure = _figure(title, 3.2)
    axes = figure.subplots()
    for name, line in lines.items():
        shown = line[:: max(1, len(line) // _POINTS)]
        axes.plot(np.arange(len(line))[:: max(1, len(line) // _POINTS)], shown, label=name)
    axes.set_yscale("log" if is_log else "linear")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return _svg(figure)


def _figure(title: str, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure


def _svg(figure: Figure) -> str:
    """The picture as an element of a page; the same figure gives the same text."""
    import matplotlib

    made = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "slices", "svg.fonttype": "none"}):
        figure.savefig(made, format="svg", metadata={"Date": None})
    text = made.getvalue()
    return text[text.index("<svg") :]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
