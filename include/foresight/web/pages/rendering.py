"""How values become text on a page, and templates become answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import jinja2
from fastapi import Request, Response
from markupsafe import Markup

STATIC: Final = Path(__file__).parent / "static"
NOTHING: Final = "–"
LIKELY: Final = 0.1
"""From this probability on, a page says when a bound is first expected to be left."""
STATES: Final = ("violated", "at_risk", "no_data", "stale", "maintenance", "no_traffic", "ok")
"""From worst to best, as the fleet page counts them."""
_UNITS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float | None) -> str:
    """Four significant digits, with a unit prefix for large ones."""
    if value is None:
        return NOTHING
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:.4g}"


def percent(value: float | None) -> str:
    """A share as a percentage; never 0 % or 100 % for what is not."""
    if value is None:
        return NOTHING
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 < value < 1:
        return "> 99.9 %"
    return f"{value * 100:.3g} %"


def minutes(value: float | None) -> str:
    """A length of time given in minutes."""
    if value is None:
        return NOTHING
    sign, whole = ("−" if value < 0 else ""), abs(value)
    if whole < 90:
        return f"{sign}{whole:.3g} min"
    if whole < 48 * 60:
        return f"{sign}{whole / 60:.3g} h"
    return f"{sign}{whole / 1440:.3g} d"


def window(length: int) -> str:
    """The name of a window: 12 h, 30 d."""
    return f"{length // 1440} d" if length % 1440 == 0 else minutes(length)


def instant(value: datetime | str | None) -> Markup:
    """A ``time`` element: UTC in the text; a script turns it into the zone that Airflow shows."""
    if value is None:
        return Markup("<span>{}</span>").format(NOTHING)
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M UTC")
    )


def labels_text(labels: str | Mapping[str, Any] | None) -> str:
    """Labels as ``name=value``, whether they come as JSON text or as a mapping."""
    known = json.loads(labels) if isinstance(labels, str) else labels or {}
    return ", ".join(f"{name}={value}" for name, value in known.items()) or "(no labels)"


def state_name(state: str) -> str:
    """A state as people read it."""
    return state.replace("_", " ")


def sparkline(values: Sequence[float | None], width: int = 96, height: int = 20) -> Markup:
    """A line of probabilities from 0 to 1 as SVG; gaps stay gaps."""
    known = [value for value in values if value is not None]
    if not known:
        return Markup('<span class="quiet">{}</span>').format(NOTHING)
    step = width / max(len(values) - 1, 1)
    parts, pen = [], "M"
    for at, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{at * step:.1f} {1 + (1 - value) * (height - 2):.1f}")
        pen = "L"
    said = f"from {percent(known[0])} to {percent(known[-1])}, highest {percent(max(known))}"
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">'
        '<path d="{}"/></svg>'
    ).format(said, width, height, width, height, " ".join(parts))


def as_json(value: Any) -> Markup:
    """Data for a script, safe inside an element ``script`` of type ``application/json``."""
    text = json.dumps(value, allow_nan=False, default=_plain)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp())
    raise TypeError(f"{type(value).__name__} is no data of a page")


def segment(name: object) -> str:
    """A name as a part of an address."""
    return quote(str(name), safe="")


def query(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """An address' query, without what is empty."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return urlencode([(name, value) for name, value in items if value not in (None, "")])


@cache
def static_version(name: str) -> str:
    """A hash of a file that scripts and styles are asked for by, so that they may be kept for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _asset(name: str) -> str:
    return f"static/{name}?v={static_version(name)}"


@cache
def environment() -> jinja2.Environment:
    """The templates: all text is escaped, and a name that is not given is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "percent": percent,
        "minutes": minutes,
        "window": window,
        "instant": instant,
        "state_name": state_name,
        "sparkline": sparkline,
        "as_json": as_json,
        "segment": segment,
    }
    made.globals |= {"asset": _asset, "query": query}
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page as an answer. ``root`` of the template leads from its address to that of the first page."""
    path = str(request.scope["path"]).removeprefix(str(request.scope.get("root_path", "")))
    depth = path.strip("/").count("/") - 1
    caller = getattr(request.state, "caller", None)
    text = (
        environment()
        .get_template(template)
        .render(root="../" * max(depth, 0), caller=caller.name if caller else "", path=path, **values)
    )
    return Response(text, status, media_type="text/html; charset=utf-8")
