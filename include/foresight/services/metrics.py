"""Statuses in the text format of Prometheus: a small writer, for many SLIs at once.

Names follow the conventions of Prometheus; see docs/rest.md. What is not known of an SLI has no sample.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, select

from foresight.store import Store
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import evaluated_interval, sla, sli, sli_latest, sli_window

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("ok", "no_traffic", "maintenance", "stale", "no_data", "at_risk", "violated")
ROWS_AT_ONCE: Final = 5_000
"""SLIs that are read together."""
_OF_SLIS: Final = {
    "objective": ("foresight_sli_objective_ratio", "Share of good slots that is promised."),
    "current_value": ("foresight_sli_value", "Newest value of the worst series."),
    "bound": ("foresight_sli_bound", "Smallest and largest good value."),
    "state": ("foresight_sli_state", "1 for the state that holds; other states have no sample."),
    "probability": (
        "foresight_sli_violation_probability_ratio",
        "Probability that any slot of the horizon leaves the bounds.",
    ),
    "first_slot": (
        "foresight_sli_expected_violation_timestamp_seconds",
        "First slot expected to leave the bounds.",
    ),
}
"""Name and text of the metrics of an SLI by the column that they show."""
_OF_WINDOWS: Final = {
    "good_share": ("foresight_sli_error_ratio", "Bad share of what was observed."),
    "budget_left_share": ("foresight_sli_budget_remaining_ratio", "Left of the error budget."),
    "budget_left_minutes": ("foresight_sli_budget_remaining_seconds", "Left of a budget of minutes."),
    "burn_rate": ("foresight_sli_burn_rate", "Bad share / (1 - objective)."),
}
"""The same of the windows of an SLI."""
_QUIET: Final = "ok"
_TO_ESCAPE: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


Labels = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which SLIs: of one SLA, of some states, or all; by default those that are not ok."""

    sla: str | None = None
    states: tuple[str, ...] = ()
    has_all: bool = False


@dataclass(slots=True)
class Family:
    """One metric: its name, what it says, and its lines. A sample that has no value has no line."""

    name: str
    text: str
    lines: list[str] = field(default_factory=list)

    def add(self, labels: Sequence[str | None], values: Sequence[Any]) -> None:
        """Adds the samples of so many label sets; one that is None is left out."""
        name = self.name
        self.lines += [
            f"{name}{{{label}}} {value!r}\n"
            for label, value in zip(labels, values, strict=True)
            if value is not None and label is not None
        ]


def version_of(store: Store) -> tuple[Any, ...]:
    """What changes when metrics do: the newest as-of, how many SLIs have a status, and the definitions."""

    def work(connection: Connection) -> tuple[Any, ...]:
        latest = connection.execute(select(func.max(epoch(sli_latest.c.as_of)), func.count())).one()
        defined = connection.execute(select(func.count(), func.max(sla.c.revision), func.min(sla.c.revision)))
        return (*latest, *defined.one())

    return store.read(work)


def exposition(store: Store, wanted: Wanted = Wanted()) -> str:
    """The metrics of the newest statuses, in the text format."""
    return "".join(_lines(store.read(lambda connection: _families(connection, wanted))))


def write_textfile(store: Store, file: Path, wanted: Wanted = Wanted()) -> int:
    """Writes them to a file of node exporter's textfile collector, whole or not at all; answers its bytes."""
    text = exposition(store, wanted).encode()
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as aside:
        aside.write(text)
    os.chmod(aside.name, 0o644)  # the collector runs as somebody else
    Path(aside.name).replace(file)
    return len(text)


def _lines(families: Sequence[Family]) -> Iterator[str]:
    for family in families:
        yield f"# HELP {family.name} {family.text}\n# TYPE {family.name} gauge\n"
        yield "".join(family.lines)


def _families(connection: Connection, wanted: Wanted) -> list[Family]:
    slis, windows = (
        {column: Family(*each) for column, each in named.items()} for named in (_OF_SLIS, _OF_WINDOWS)
    )
    for conditions in _some_slas(connection, _chosen(wanted)):
        _add_windows(connection, conditions, windows, _add_slis(connection, conditions, slis))
    return [*_whole(connection), *slis.values(), *windows.values()]


def _some_slas(
    connection: Connection, chosen: Sequence[ColumnElement[bool]]
) -> Iterator[list[ColumnElement[bool]]]:
    """Conditions for about ``ROWS_AT_ONCE`` of the chosen SLIs each: runs of SLAs in the database's order."""
    name = sli_latest.c.sla_name
    first, n = None, 0
    query = select(name, func.count()).where(*chosen).group_by(name).order_by(name)
    counts = connection.execute(query).all()
    for at, (sla_name, count) in enumerate(counts):
        first, n = sla_name if first is None else first, n + count
        if n >= ROWS_AT_ONCE or at == len(counts) - 1:
            yield [*chosen, name.between(first, sla_name)]
            first, n = None, 0


def _whole(connection: Connection) -> list[Family]:
    """What is said of every SLA, and of the evaluation."""
    slas = connection.execute(
        select(sli_latest.c.sla_name, sli_latest.c.state, func.count())
        .join(sla, sla.c.name == sli_latest.c.sla_name)
        .group_by(sli_latest.c.sla_name, sli_latest.c.state)
    ).all()
    by_sla: dict[str, dict[str, int]] = {}
    counts = dict.fromkeys(STATES, 0)
    for name, state, count in slas:
        by_sla.setdefault(name, {})[state] = count
        counts[state] = counts.get(state, 0) + count
    worst = Family("foresight_sla_state", "1 for the worst state of its SLIs; other states have no sample.")
    worst.add(
        [f'sla="{_escaped(name)}",state="{_worst(found)}"' for name, found in by_sla.items()],
        [1] * len(by_sla),
    )
    by_state = Family("foresight_slis", "SLIs by state.")
    by_state.add([f'state="{state}"' for state in counts], list(counts.values()))
    evaluated = Family("foresight_evaluation_timestamp_seconds", "The newest evaluated instant.")
    found = connection.execute(select(func.max(epoch(evaluated_interval.c.as_of)))).scalar()
    if found is not None:
        evaluated.lines.append(f"{evaluated.name} {float(found)!r}\n")
    return [worst, by_state, evaluated]


def _worst(states: Collection[str]) -> str:
    return max(states, key=lambda state: STATES.index(state) if state in STATES else -1)


def _add_slis(connection: Connection, conditions: Sequence[Any], families: Mapping[str, Family]) -> Labels:
    """Adds the samples of SLIs; answers the labels of each by SLA and SLI."""
    latest = sli_latest.c
    query = select(
        latest.sla_name, latest.sli_name, latest.state, latest.current_value, latest.probability,
        epoch(latest.expected_first_slot).label("first_slot"), sli.c.objective, sli.c.lower_bound,
        sli.c.upper_bound,
    ).join(sli, and_(sli.c.sla_name == latest.sla_name, sli.c.name == latest.sli_name))  # fmt: skip
    slas, slis, states, *numbers, lower, upper = read_columns(connection, query.where(*conditions))
    known = {
        (one, other): f'sla="{_escaped(one)}",sli="{_escaped(other)}"'
        for one, other in zip(slas, slis, strict=True)
    }
    labels = list(known.values())
    for column, values in zip(
        ("current_value", "probability", "first_slot", "objective"), numbers, strict=True
    ):
        families[column].add(labels, values)
    families["bound"].add([f'{label},bound="lower"' for label in labels], lower)
    families["bound"].add([f'{label},bound="upper"' for label in labels], upper)
    held = [f'{label},state="{state}"' for label, state in zip(labels, states, strict=True)]
    families["state"].add(held, [1] * len(held))
    return known


def _add_windows(
    connection: Connection, conditions: Sequence[Any], families: Mapping[str, Family], known: Labels
) -> None:
    """Adds the samples of windows of SLIs that are known: a deleted one may have left its status."""
    latest, window = sli_latest.c, sli_window.c
    same = and_(
        window.sla_name == latest.sla_name, window.sli_name == latest.sli_name, window.as_of == latest.as_of
    )
    query = (
        select(
            window.sla_name, window.sli_name, window.window_minutes, window.good_share, window.burn_rate,
            window.budget_left_share, window.budget_left_minutes,
        )
        .select_from(sli_latest.join(sli_window, same))
        .where(*conditions)
    )  # fmt: skip
    slas, slis, minutes, good, rate, share, left = read_columns(connection, query)
    whose = [known.get(pair) for pair in zip(slas, slis, strict=True)]
    labels = [label and f'{label},window="{length}m"' for label, length in zip(whose, minutes, strict=True)]
    families["good_share"].add(labels, [None if each is None else 1 - each for each in good])
    families["budget_left_share"].add(labels, share)
    families["budget_left_minutes"].add(labels, [None if each is None else each * 60 for each in left])
    families["burn_rate"].add(labels, rate)


def _chosen(wanted: Wanted) -> list[Any]:
    conditions: list[Any] = []
    if wanted.sla is not None:
        conditions.append(sli_latest.c.sla_name == wanted.sla)
    if wanted.states:
        conditions.append(sli_latest.c.state.in_(wanted.states))
    if not conditions and not wanted.has_all:
        conditions.append(sli_latest.c.state != _QUIET)
    return conditions


def _escaped(text: str) -> str:
    return text.translate(_TO_ESCAPE)
