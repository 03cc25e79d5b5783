"""What a training run has to show: numbers as plain values, and pictures as SVG that any browser opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from foresight.slices.targets import Floats

if TYPE_CHECKING:
    from foresight.slices.judgement import Score
    from foresight.slices.training import Trained

_WIDTH: Final = 720
_HEIGHT: Final = 260
_MARGIN: Final = 48
_COLOURS: Final = ("#1b6ca8", "#d1495b", "#66a182", "#8d6a9f", "#edae49")
_POINTS: Final = 400


def report(trained: Trained) -> dict[str, Any]:
    """Everything about a training run that is worth keeping, as JSON values; NaN becomes ``None``."""
    card, verdict = trained.model.card, trained.verdict
    told: dict[str, Any] = _plain({
        "is_promoted": verdict.is_promoted,
        "reason": verdict.reason,
        "score": asdict(verdict.score),
        "rivals": [asdict(rival) | {"is_beaten": rival.is_beaten} for rival in verdict.rivals],
        "card": asdict(card),
        "losses": trained.losses.tolist(),
    })  # fmt: skip
    return told


def plots(trained: Trained) -> dict[str, str]:
    """SVG by name: errors with their intervals, the last held-out day of one cell, the loss of each epoch."""
    verdict = trained.verdict
    scores = {"model": verdict.score} | {rival.name: rival.score for rival in verdict.rivals}
    found = {"errors": _bars("RMSE in connections, 95 % interval", scores)}
    cells = np.flatnonzero(np.isfinite(trained.answers["answer"]).any(axis=1))
    if len(cells):
        lines = {name: trained.answers[name][cells[0], -96:] for name in ("answer", "model", "last_value")}
        found["held_out"] = _lines("Last held-out periods of one cell, connections", lines)
    if len(trained.losses):
        losses = {"training": trained.losses[:, 0], "validation": trained.losses[:, 1]}
        found["losses"] = _lines("log10 of the loss, by epoch", {n: np.log10(v) for n, v in losses.items()})
    return found


def page(trained: Trained) -> str:
    """The same as one HTML page that stands alone: the verdict, a table of errors, the plots, the card."""
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
    largest = max((score.high for score in scores.values() if np.isfinite(score.high)), default=1.0) or 1.0
    row = (_HEIGHT - 2 * _MARGIN) / max(len(scores), 1)
    scale = (_WIDTH - 4 * _MARGIN) / largest
    parts = []
    for i, (name, score) in enumerate(scores.items()):
        y = _MARGIN + i * row
        parts.append(_text(3 * _MARGIN - 8, y + row / 2, name, "end"))
        if np.isfinite(score.rmse):
            left = 3 * _MARGIN
            parts += [
                f'<rect x="{left}" y="{y:.1f}" width="{score.rmse * scale:.1f}" height="{row * 0.7:.1f}" '
                f'fill="{_COLOURS[0 if i else 1]}"/>',
                _line(
                    [(left + score.low * scale, y + row * 0.35), (left + score.high * scale, y + row * 0.35)]
                ),
                _text(left + score.high * scale + 6, y + row / 2, f"{score.rmse:.3g}"),
            ]
    return _svg(title, parts)


def _lines(title: str, lines: Mapping[str, Floats]) -> str:
    values = np.concatenate([line[np.isfinite(line)] for line in lines.values()])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    span = (high - low) or 1.0
    bottom, height = _HEIGHT - _MARGIN, _HEIGHT - 2 * _MARGIN
    parts = [
        _text(_MARGIN - 6, bottom, f"{low:.4g}", "end"),
        _text(_MARGIN - 6, _MARGIN, f"{high:.4g}", "end"),
    ]
    for i, (name, line) in enumerate(lines.items()):
        shown = line[:: max(1, len(line) // _POINTS)]
        step = (_WIDTH - 2 * _MARGIN) / max(len(shown) - 1, 1)
        points = [
            (_MARGIN + j * step, bottom - (float(value) - low) / span * height)
            for j, value in enumerate(shown)
            if np.isfinite(value)
        ]
        parts.append(_line(points, _COLOURS[i % len(_COLOURS)]))
        parts.append(_text(_MARGIN + 130 * i, _HEIGHT - 14, name, fill=_COLOURS[i % len(_COLOURS)]))
    return _svg(title, parts)


def _line(points: Sequence[tuple[float, float]], colour: str = "#333") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    body = "\n".join([_text(_MARGIN, 24, title), *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
