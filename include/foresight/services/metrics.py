"""Statuses in the text format of Prometheus: a small writer, for many SLIs at once.

Names follow the conventions of Prometheus; see docs/rest.md. What is not known of an SLI has no sample.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from foresight.store import Store
from foresight.store.reading import epoch
from foresight.store.tables import evaluated_interval, sla, sli, sli_latest, sli_window

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("ok", "no_traffic", "maintenance", "stale", "no_data", "at_risk", "violated")
_QUIET: Final = "ok"
_TO_ESCAPE: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which SLIs: of one SLA, of some states, or all; by default those that are not ok."""

    sla: str | None = None
    states: tuple[str, ...] = ()
    has_all: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, what it says, and its samples as labels and value."""

    name: str
    text: str
    samples: Sequence[tuple[str, Any]]


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
        name = family.name
        yield "".join([
            f"{name}{{{labels}}} {value!r}\n" if labels else f"{name} {value!r}\n"
            for labels, value in family.samples
        ])  # fmt: skip


def _families(connection: Connection, wanted: Wanted) -> list[Family]:
    rows = _slis(connection, wanted)
    labels = [f'sla="{_escaped(row.sla_name)}",sli="{_escaped(row.sli_name)}"' for row in rows]
    windows = _windows(connection, wanted)

    def gauge(name: str, text: str, column: str) -> Family:
        values = zip(labels, (getattr(row, column) for row in rows), strict=True)
        return Family(name, text, [(label, value) for label, value in values if value is not None])

    bounds = [
        (f'{label},bound="{side}"', getattr(row, f"{side}_bound"))
        for label, row in zip(labels, rows, strict=True)
        for side in ("lower", "upper")
        if getattr(row, f"{side}_bound") is not None
    ]
    states = [
        (f'{label},state="{state}"', 1 if row.state == state else 0)
        for label, row in zip(labels, rows, strict=True)
        for state in STATES
    ]
    return [
        *_whole(connection),
        gauge("foresight_sli_objective_ratio", "Share of good slots that is promised.", "objective"),
        gauge("foresight_sli_value", "Newest value of the worst series.", "current_value"),
        Family("foresight_sli_bound", "Smallest and largest good value.", bounds),
        Family("foresight_sli_state", "1 for the state that holds.", states),
        gauge(
            "foresight_sli_violation_probability_ratio",
            "Probability that any slot of the horizon leaves the bounds.",
            "probability",
        ),
        gauge(
            "foresight_sli_expected_violation_timestamp_seconds",
            "First slot expected to leave the bounds.",
            "first_slot",
        ),
        *windows,
    ]


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
    worst = [
        (f'sla="{_escaped(name)}",state="{state}"', 1 if state == _worst(found) else 0)
        for name, found in by_sla.items()
        for state in STATES
    ]
    found = connection.execute(select(func.max(epoch(evaluated_interval.c.as_of)))).scalar()
    evaluated = [] if found is None else [("", float(found))]
    return [
        Family("foresight_sla_state", "1 for the worst state of its SLIs.", worst),
        Family("foresight_slis", "SLIs by state.", [(f'state="{state}"', n) for state, n in counts.items()]),
        Family("foresight_evaluation_timestamp_seconds", "The newest evaluated instant.", evaluated),
    ]


def _worst(states: Collection[str]) -> str:
    return max(states, key=lambda state: STATES.index(state) if state in STATES else -1)


def _slis(connection: Connection, wanted: Wanted) -> Sequence[Any]:
    latest = sli_latest.c
    query = select(
        latest.sla_name, latest.sli_name, latest.state, latest.current_value, latest.probability,
        epoch(latest.expected_first_slot).label("first_slot"), sli.c.objective, sli.c.lower_bound,
        sli.c.upper_bound,
    ).join(sli, and_(sli.c.sla_name == latest.sla_name, sli.c.name == latest.sli_name))  # fmt: skip
    return connection.execute(query.where(*_chosen(wanted)).order_by(latest.sla_name, latest.sli_name)).all()


def _windows(connection: Connection, wanted: Wanted) -> list[Family]:
    """Error ratios, budgets and burn rates by window."""
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
        .join(sli, and_(sli.c.sla_name == latest.sla_name, sli.c.name == latest.sli_name))
        .where(*_chosen(wanted))
    )  # fmt: skip
    errors: list[tuple[str, Any]] = []
    shares: list[tuple[str, Any]] = []
    seconds: list[tuple[str, Any]] = []
    rates: list[tuple[str, Any]] = []
    for sla_name, sli_name, minutes, good, rate, share, left in connection.execute(query):
        labels = f'sla="{_escaped(sla_name)}",sli="{_escaped(sli_name)}",window="{minutes}m"'
        if good is not None:
            errors.append((labels, 1 - good))
        if share is not None:
            shares.append((labels, share))
        if left is not None:
            seconds.append((labels, left * 60))
        if rate is not None:
            rates.append((labels, rate))
    return [
        Family("foresight_sli_error_ratio", "Bad share of what was observed.", errors),
        Family("foresight_sli_budget_remaining_ratio", "Left of the error budget.", shares),
        Family("foresight_sli_budget_remaining_seconds", "Left of a budget of minutes.", seconds),
        Family("foresight_sli_burn_rate", "Bad share / (1 - objective).", rates),
    ]


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
