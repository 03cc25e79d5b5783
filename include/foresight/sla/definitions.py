"""What an SLA is: named indicators with bounds, objectives and windows. Every rule on them is here, once."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

import orjson

from foresight.regexes import regex_mistake

Operator = Literal["=", "!=", "=~", "!~"]

DEFAULT_WINDOWS: Final = (60, 180, 720)
"""Minutes: the last 1 h, 3 h and 12 h before as-of."""
DEFAULT_LONGEST_WINDOW: Final = 720
"""Minutes of samples that a run holds unless its catalogue says otherwise."""
DEFAULT_OBJECTIVE: Final = 0.99
DEFAULT_HORIZON: Final = 10
DEFAULT_AT_RISK: Final = 0.5

MAX_NAME: Final = 63
MAX_VALUE: Final = 1024
MAX_TEXT: Final = 1050
MAX_MATCHERS: Final = 32
MAX_WINDOWS: Final = 10
MAX_SLIS: Final = 10_000

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One label matcher as in PromQL; regular expressions match the whole value, and an absent
    label counts as ``""``."""

    label: str
    op: Operator
    value: str

    def __post_init__(self) -> None:
        _refuse(label_mistake(self.label), value_mistake(self.op, self.value))

    @property
    def is_regex(self) -> bool:
        """Whether ``value`` is a regular expression."""
        return self.op in {"=~", "!~"}

    @property
    def is_negative(self) -> bool:
        """Whether a series passes when the value does *not* fit."""
        return self.op in {"!=", "!~"}

    def __str__(self) -> str:
        return f"{self.label}{self.op}{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Notes:
    """What only people read: a name to show, and the labels and annotations that came with a document."""

    display_name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sli:
    """One metric with matchers, inclusive bounds (``None`` is open), and the share of slots to be inside.

    ``windows`` are minutes, ascending.
    """

    name: str
    metric: str
    lower: float | None
    upper: float | None
    objective: float = DEFAULT_OBJECTIVE
    matchers: tuple[Matcher, ...] = ()
    windows: tuple[int, ...] = DEFAULT_WINDOWS
    description: str = ""
    notes: Notes = Notes()

    def __post_init__(self) -> None:
        _refuse(
            name_mistake(self.name),
            metric_mistake(self.metric),
            bounds_mistake(self.lower, self.upper),
            objective_mistake(self.objective),
            windows_mistake(self.windows),
            matchers_mistake(self.matchers),
        )

    @property
    def selector(self) -> str:
        """The series meant, as PromQL writes them."""
        name = self.metric if _METRIC.fullmatch(self.metric) else ""
        inside = [str(matcher) for matcher in self.matchers]
        if not name:
            inside.insert(0, f"__name__={_quoted(self.metric)}")
        return f"{name}{{{','.join(inside)}}}" if inside else name


@dataclass(frozen=True, slots=True)
class Sla:
    """A named set of indicators.

    ``at_risk_probability``: from which probability of a violation in the next ``horizon_minutes`` an
    indicator counts as at risk.
    """

    name: str
    slis: tuple[Sli, ...]
    owner: str = ""
    description: str = ""
    horizon_minutes: int = DEFAULT_HORIZON
    at_risk_probability: float = DEFAULT_AT_RISK
    notes: Notes = Notes()

    def __post_init__(self) -> None:
        _refuse(
            name_mistake(self.name),
            horizon_mistake(self.horizon_minutes),
            probability_mistake(self.at_risk_probability),
        )
        if not self.slis:
            _refuse("an SLA needs at least one SLI")
        if len({sli.name for sli in self.slis}) != len(self.slis):
            _refuse(f"SLA {self.name!r} has two SLIs of one name")

    @property
    def revision(self) -> str:
        """16 hex digits of the SHA-256 of the definition; the order of SLIs and matchers does not matter."""
        plain = asdict(self)
        for sli in plain["slis"]:
            sli["matchers"] = sorted(sli["matchers"], key=lambda m: (m["label"], m["op"], m["value"]))
        plain["slis"] = sorted(plain["slis"], key=lambda sli: sli["name"])
        return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def name_mistake(name: str) -> str | None:
    """Why this cannot name an SLA or SLI, if it cannot."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        return (
            f"a name is 1 to {MAX_NAME} letters, digits, '.', '_' or '-', "
            f"and begins and ends with a letter or digit, got {_short(name)}"
        )
    return None


def metric_mistake(metric: str) -> str | None:
    """Why this cannot be a metric's name (Prometheus 3 allows any UTF-8)."""
    if not metric or len(metric) > MAX_VALUE or not metric.isprintable():
        return f"a metric is 1 to {MAX_VALUE} printable characters, got {_short(metric)}"
    return None


def label_mistake(label: str) -> str | None:
    """Why this cannot be a label's name."""
    if len(label) > MAX_VALUE or not _LABEL.fullmatch(label) or label == "__name__":
        return f"{_short(label)} is not the name of a label (the metric has a field of its own)"
    return None


def value_mistake(op: str, value: str) -> str | None:
    """Why this operator and value do not make a matcher. Regular expressions are RE2's, as in Prometheus."""
    if op not in get_args(Operator):
        return f"{op!r} is no operator; there are {', '.join(get_args(Operator))}"
    if len(value) > MAX_VALUE:
        return f"longer than {MAX_VALUE} characters"
    return regex_mistake(value) if op in {"=~", "!~"} else None


def bounds_mistake(lower: float | None, upper: float | None) -> str | None:
    """Why these are not bounds: both open, not finite, or the wrong way round. Zero is a bound."""
    if lower is None and upper is None:
        return "min and max are both open: at least one must be given"
    if not all(bound is None or math.isfinite(bound) for bound in (lower, upper)):
        return f"a bound must be a finite number, got min {lower} and max {upper}"
    if lower is not None and upper is not None and lower > upper:
        return f"min {lower:g} is above max {upper:g}"
    return None


def objective_mistake(objective: float) -> str | None:
    """Why this is no objective: it leaves no budget, or asks for nothing."""
    if not 0 < objective < 1:
        return f"an objective is a share between 0 and 1, both excluded (0.99 for 99 %), got {objective:g}"
    return None


def probability_mistake(probability: float) -> str | None:
    """Why this is no threshold."""
    if not 0 < probability <= 1:
        return f"a probability above 0 and up to 1 is needed, got {probability:g}"
    return None


def horizon_mistake(minutes: int) -> str | None:
    """Why nothing is predicted that far ahead."""
    if minutes != DEFAULT_HORIZON:
        return f"forecasts cover the next {DEFAULT_HORIZON} minutes, got {minutes}"
    return None


def windows_mistake(windows: tuple[int, ...]) -> str | None:
    """Why these minutes are not windows."""
    if not 1 <= len(windows) <= MAX_WINDOWS or min(windows) < 1:
        return f"1 to {MAX_WINDOWS} windows of at least one minute are needed"
    if list(windows) != sorted(set(windows)):
        return "windows must be different and ascending"
    return None


def matchers_mistake(matchers: tuple[Matcher, ...]) -> str | None:
    """Why these matchers do not go together."""
    if len(matchers) > MAX_MATCHERS:
        return f"more than {MAX_MATCHERS} matchers"
    return None


def _refuse(*mistakes: str | None) -> None:
    for mistake in mistakes:
        if mistake:
            raise ValueError(mistake)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _short(text: str) -> str:
    return repr(text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…")
