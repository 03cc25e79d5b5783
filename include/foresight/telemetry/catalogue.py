"""The catalogue: which metrics are watched, how they are read and how long results are kept."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from foresight.conventions import MAX_SETTLE_SECONDS
from foresight.documents import read_documents
from foresight.errors import InvalidDocument, Mistake
from foresight.forms import BareSeconds, Count, Matchers, Number, matchers_of, no_boolean, obeys
from foresight.grid import STEP_SECONDS, WINDOW_SECONDS, Grid
from foresight.matchers import Matcher

_LOG = logging.getLogger(__name__)

MAX_SLOTS = 100_000
"""The longest window that is read, in slots: ten weeks of minutes."""

Duration = Annotated[BareSeconds, Field(ge=1)]
SettleDelay = Annotated[BareSeconds, Field(ge=0, le=MAX_SETTLE_SECONDS)]
Days = Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=3650)]


def _only_minutes(seconds: int) -> str | None:
    return None if seconds == STEP_SECONDS else f"a slot is one minute: leave step out, got {seconds} s"


class Entry(BaseModel):
    """What every part of the catalogue obeys: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class Analysis(Entry):
    """Parameters of the analyses of one entry; the numbers count slots."""

    period: Literal["auto"] | Annotated[Count, Field(ge=2, le=MAX_SLOTS)] = "auto"
    """Length of the season of the decomposition; ``auto`` finds it from the autocorrelation."""
    hp_lambda: Annotated[Number, Field(gt=0, le=1e10)] = 1600.0
    """Smoothness of the Hodrick-Prescott trend."""
    lags: Annotated[Count, Field(ge=1, le=1000)] = 40
    """How many autocorrelations are kept."""


class WatchedMetric(Entry):
    """One watched metric, or one PromQL expression, with all the series that it stands for."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)]
    """Unique in the catalogue; the metric name of the series of an expression."""
    metric: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    query: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """A PromQL expression, evaluated at the end of each slot."""
    matchers: Matchers = Field(default_factory=dict)
    partition: tuple[str, ...] = ()
    """The labels that tell series of this metric apart within one host."""
    step: Annotated[BareSeconds, obeys(_only_minutes)] | None = Field(default=None, exclude=True)
    """No choice any more; files that still say 60s load with a warning."""
    window_seconds: Duration = Field(default=WINDOW_SECONDS, alias="window")
    settle_seconds: SettleDelay | None = Field(default=None, alias="settle")
    """How long after as-of the last slot may still change; ``None`` for that of the connection."""
    description: str = ""
    unit: str = ""
    minimum: Number | None = None
    """A value below it is impossible; ``None`` where any value is possible."""
    maximum: Number | None = None
    """The same above."""
    coverage: Annotated[Number, Field(ge=0, le=1)] = 0.5
    """Least share of observed slots, counted from the first observed one."""
    min_slots: Annotated[Count, Field(ge=1)] = 30
    """A series that began fewer slots ago is too short."""
    max_series: Annotated[Count, Field(ge=1, le=1_000_000)] = 10_000
    """What lies beyond it, in the order of the keys, is left out and reported."""
    analysis: Analysis = Field(default_factory=Analysis)
    curves: bool = False
    """Whether the curves of decomposition and trend, and the autocorrelations, are stored at each run."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.metric is None) == (self.query is None):
            raise ValueError("give either metric or query")
        if self.query is not None and self.matchers:
            raise ValueError("matchers belong to metric; write them into the query itself")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if self.window_seconds % STEP_SECONDS:
            raise ValueError(f"a window is whole minutes, got {self.window_seconds} s")
        if self.n_slots > MAX_SLOTS:
            raise ValueError(f"the window has {self.n_slots} slots, more than {MAX_SLOTS}")
        if self.min_slots > self.n_slots:
            raise ValueError(f"min_slots of {self.min_slots} exceeds the {self.n_slots} slots of the window")
        return self

    @property
    def n_slots(self) -> int:
        """How many slots the window has."""
        return self.window_seconds // STEP_SECONDS

    @property
    def conditions(self) -> tuple[Matcher, ...]:
        """The matchers that every series of this entry passes."""
        return matchers_of(self.matchers)

    @property
    def series_metric(self) -> str:
        """The metric name that the keys of this entry's series carry."""
        return self.metric if self.metric is not None else self.name

    def grid(self, as_of: int) -> Grid:
        """The grid of a run at ``as_of`` (epoch seconds), floored to the minute."""
        return Grid(as_of - as_of % STEP_SECONDS, self.n_slots)


class Retention(Entry):
    """Days that stored rows are kept, by retention class."""

    samples: Days = 90
    results: Days = 90
    """Outcomes, stationarity and aggregates, a row each series and run."""
    forecasts: Days = 30
    statuses: Days = 400
    """SLA statuses, budgets and violations."""
    curves: Days = 7
    """Curves and autocorrelations."""


class Catalogue(Entry):
    """All that is watched."""

    metrics: tuple[WatchedMetric, ...]
    retention_days: Retention = Field(default_factory=Retention)

    @field_validator("metrics")
    @classmethod
    def _some(cls, metrics: tuple[WatchedMetric, ...]) -> tuple[WatchedMetric, ...]:
        # Not a length of the field: that would count the entries that are right, and complain twice.
        if not metrics:
            raise ValueError("at least one metric is wanted")
        return metrics

    def get(self, name: str) -> WatchedMetric | None:
        """The entry of that name."""
        return next((entry for entry in self.metrics if entry.name == name), None)


def load_catalogue(path: Path) -> Catalogue:
    """The catalogue in ``path``; raises ``InvalidDocument`` with every mistake and its line."""
    documents = read_documents(path)
    if len(documents) != 1:
        raise InvalidDocument([Mistake(str(path), 0, "", f"one document is wanted, got {len(documents)}")])
    [document] = documents
    if not isinstance(document.data, dict):
        raise InvalidDocument([document.mistake((), "a mapping with the key metrics is wanted")])
    catalogue = document.parse(Catalogue)
    for entry in catalogue.metrics:
        if entry.step is not None:
            _LOG.warning("%s: %s: delete step: a slot is one minute, and the key goes away", path, entry.name)
    mistakes = [document.mistake(("metrics", i, "name"), why) for i, why in _clashes(catalogue.metrics)]
    if mistakes:
        raise InvalidDocument(mistakes)
    return catalogue


def _clashes(entries: tuple[WatchedMetric, ...]) -> list[tuple[int, str]]:
    """Names that two entries would share, by the index of the later one."""
    names: set[str] = set()
    metrics = {entry.metric for entry in entries if entry.metric is not None}
    found = []
    for i, entry in enumerate(entries):
        if entry.name in names:
            found.append((i, f"the name {entry.name!r} is given twice"))
        elif entry.query is not None and entry.name in metrics:
            found.append(
                (i, f"{entry.name!r} is a metric of another entry; name the result of a query otherwise")
            )
        names.add(entry.name)
    return found
