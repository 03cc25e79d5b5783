"""From stored measurements to decisions: features, one batched prediction, guardrails, rows.

A cell is decided once for each period. What could not be predicted (no model, no configuration, warming up)
is decided again by a later run; a decision that a model made is final, so a message once made stays the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.messaging import Message
from foresight.services.slices.configuration import Configured, configured_of
from foresight.services.slices.guarding import SliceCells, guard_slices
from foresight.services.slices.knowledge import Knowledge, load_knowledge
from foresight.services.slices.options import Champion, DecisionOptions, load_champion
from foresight.slices.drift import worse_than_configured
from foresight.slices.features import DEPTH, Features, History, Outcome, features, history, infer_failures
from foresight.slices.guardrails import Guarded
from foresight.slices.identifiers import local_id
from foresight.slices.policy import Change, policy_messages
from foresight.slices.prediction import predict
from foresight.slices.recording import GRANULARITY_SECONDS
from foresight.slices.seasons import LAGS, calendar
from foresight.slices.targets import FAILURE_BOUND, Floats, Target, as_column, target
from foresight.store import Store
from foresight.store.slices import (
    Cell,
    measurements_since,
    measurements_until,
    newest_periods,
    predictions_of,
    recent_answers,
)

LOOK_BACK_SECONDS: Final = 86_400
"""A cell that last reported longer ago is not looked at any more."""
FINAL: Final = (Outcome.LATE.label, Outcome.OUT_OF_RANGE.label)
"""Outcomes that no later run can change."""
WATCHED_PERIODS: Final = 4
"""Periods over which a model is compared with answering what is configured."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions on some cells: columns of ``slice_prediction`` without the batch, and the inputs behind them.

    ``overdue`` holds, for a target that looks ahead, what the model should have answered one period before.
    ``sent`` and ``anchors`` are columns of ``slice_sent`` and ``slice_bound`` that go with them; ``unread``
    the changes that nobody can read back.
    """

    columns: Mapping[str, Any]
    inputs: Floats
    overdue: Mapping[tuple[str, str, str, int], float] = field(default_factory=dict)
    sent: Sequence[Mapping[str, Any]] = ()
    anchors: Mapping[Cell, int] = field(default_factory=dict)
    unread: Mapping[Cell, tuple[int, int]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many cells there are by outcome and by rule, and how many belong into messages."""
        outcomes = Counter(f"outcome {name}" for name in self.columns["outcome"])
        rules = Counter(f"rule {name}" for name in self.columns["rule"])
        return {**outcomes, **rules, "sent": int(np.sum(self.columns["is_sent"]))}


def newest(connection: Connection, at: int, granularity: int) -> dict[Cell, tuple[int, bool]]:
    """The newest period of each cell of the last day, and whether it is decided."""
    until = at + granularity // 2  # a start may have been rounded up
    return newest_periods(connection, granularity, at - LOOK_BACK_SECONDS, until, Outcome.READY.label, FINAL)


def undecided(connection: Connection, at: int, granularity: int = GRANULARITY_SECONDS) -> dict[Cell, int]:
    """The newest period of each cell that waits to be decided, with its start."""
    found = newest(connection, at, granularity)
    return {cell: start for cell, (start, is_decided) in found.items() if not is_decided}


def decide(connection: Connection, waiting: Mapping[Cell, int], at: int, options: DecisionOptions) -> Decided:
    """Decides on the newest period of each cell in ``waiting``; nothing is stored yet.

    The other cells of the same slices count towards their sums.
    """
    slices = {snssai for snssai, _, _ in waiting}
    seen = newest(connection, at, options.granularity_seconds)
    known = load_knowledge(connection)
    cells = sorted(waiting, key=known.order)
    others = sorted((c for c in seen if c[0] in slices and c not in waiting), key=known.order)
    past, spelled = _histories(connection, cells, waiting, options.granularity_seconds)
    ends = past.newest[:, None] + past.granularity[:, None] * np.arange(2 - DEPTH, 2)
    ends[:, -1] = np.maximum(ends[:, -1], at)  # what holds now is what is changed
    limits = configured_of(connection, cells, ends, known.local_ids(cells))
    champion = load_champion(connection, options.target)
    seasonal = _seasonal(connection, champion, cells, past, known)
    found, predicted = _predicted(champion, past, limits.connections, seasonal, at, options)
    bound = champion.model.card.failure_bound if champion else FAILURE_BOUND
    answers = target(options.target, infer_failures(past.counters)[0], limits.connections, bound)
    worse = _worse(connection, champion, cells, predicted, limits, answers, options, past)
    whole = SliceCells.of(connection, cells, others, limits, at, known)
    guarded, rules, anchors = guard_slices(
        connection, whole, predicted, past.newest, at, options, known, worse
    )
    columns = {
        **decision_columns(cells, past.newest, guarded, rules, known, spelled),
        "granularity_seconds": past.granularity,
        "outcome": [Outcome(outcome).label for outcome in found.outcome],
        "is_inferred": found.is_inferred,
        "model_version": champion and champion.version,
        "configured": limits.connections[:, -1],
        "configured_read_at": [None if np.isnan(at) else int(at) for at in limits.read_at],
        "answer": answers[:, -1],
    }
    before = (past.newest - past.granularity).tolist()
    overdue = zip(cells, before, answers[:, -2].tolist(), strict=True)
    sent, unread = _sent(cells, columns, limits, known, at)
    return Decided(
        columns,
        found.inputs[found.is_ready],
        {(*cell, start): answer for cell, start, answer in overdue if np.isfinite(answer)}
        if options.target is Target.FORWARD
        else {},
        sent,
        anchors,
        unread,
    )


def _worse(
    connection: Connection, champion: Champion | None, cells: Sequence[Cell], predicted: Floats,
    limits: Configured, answers: Floats, options: DecisionOptions, past: History,
) -> set[str]:  # fmt: skip
    """The slices on which the model was farther off than ``configured`` over the last periods."""
    if champion is None:
        return set()
    since = int(past.newest.max(initial=0)) - WATCHED_PERIODS * options.granularity_seconds
    rows = recent_answers(connection, champion.version, since)
    of = [row.snssai for row in rows]
    values = np.array([(row.raw, row.configured, row.answer) for row in rows], np.float64).reshape(-1, 3)
    if options.target is Target.REFERENCE:  # this answer looks back: it is known already
        now = np.column_stack([predicted, limits.connections[:, -1], answers[:, -1]])
        known = np.isfinite(now).all(axis=1)
        of += [cells[number][0] for number in np.flatnonzero(known).tolist()]
        values = np.concatenate([values, now[known]])
    return worse_than_configured(of, *values.T) if of else set()


def _sent(
    cells: Sequence[Cell], columns: Mapping[str, Any], limits: Configured, known: Knowledge, at: int
) -> tuple[list[dict[str, Any]], dict[Cell, tuple[int, int]]]:
    """What goes into ``slice_sent``, and the changes that nobody can read back: cell → when and what."""
    rows, unread = [], {}
    for number in np.flatnonzero(columns["is_sent"]).tolist():
        cell, value = cells[number], int(columns["final"][number])
        since, read_at = limits.since[number], limits.read_at[number]
        sent_at = int(max(at, since + 1, np.nan_to_num(read_at)))
        rows.append({
            "snssai": cell[0], "cu": cell[1], "cell": cell[2], "sent_at": sent_at, "connections": value,
            "granularity_seconds": int(columns["granularity_seconds"][number]),
            "period_start": int(columns["period_start"][number]),
            "attempts": known.attempts(cell, since) + 1, "confirmed_at": None,
        })  # fmt: skip
        if np.isnan(read_at):
            unread[cell] = sent_at, value
    return rows, unread


def decision_columns(
    cells: Sequence[Cell], starts: NDArray[np.int64], guarded: Guarded, rules: list[str], known: Knowledge,
    spelled: Mapping[Cell, str],
) -> dict[str, Any]:  # fmt: skip
    """What the guardrails said, as columns of ``slice_prediction``."""
    snssai, cu, cell = (list(part) for part in zip(*cells, strict=True))
    return {
        "snssai": snssai, "cu": cu, "cell": cell, "period_start": starts,
        "sent_as": [spelled.get(each, each[0]) for each in cells],
        "local_id": [known.local(each) for each in cells],
        "ric": [known.ric(each) for each in cells],
        "raw": np.where(np.isinf(guarded.raw), np.nan, guarded.raw), "capped": guarded.capped,
        "final": guarded.final, "rule": rules, "is_sent": guarded.is_sent,
    }  # fmt: skip


def curable(row: Any) -> float | None:
    """The failures that connections can cure: those for lack of capacity where causes are told apart."""
    found: float | None = row.failures if row.capacity_failures is None else row.capacity_failures
    return found


def _histories(
    connection: Connection, cells: Sequence[Cell], waiting: Mapping[Cell, int], granularity: int
) -> tuple[History, dict[Cell, str]]:
    """The last periods of each cell, and how the newest event spells its slice."""
    number = {cell: i for i, cell in enumerate(cells)}
    found = measurements_until(connection, granularity, waiting, DEPTH + 1)
    rows = [(number[row.snssai, row.cu, row.cell], row) for row in found]
    past = history(
        [cell for cell, _ in rows],
        [int(row.period_start.timestamp()) for _, row in rows],
        [row.granularity_seconds for _, row in rows],
        np.array([(row.requests, row.successes, curable(row)) for _, row in rows], np.float64),
        [row.is_suspect for _, row in rows],
        len(cells),
    )
    return past, {cells[cell]: row.sent_as for cell, row in rows}


def _seasonal(
    connection: Connection, champion: Champion | None, cells: Sequence[Cell], past: History, known: Knowledge
) -> Floats | None:
    """The inputs of the time, for a model that knows them; what was configured where nothing was measured."""
    if champion is None or not champion.model.is_seasonal:
        return None
    card = champion.model.card
    number = {cell: i for i, cell in enumerate(cells)}
    seconds = int(past.granularity.max())
    columns = []
    for lag in LAGS:
        then = past.newest - lag
        counters = np.full((len(cells), 3, 3), np.nan)  # of the period before, that one, and the next
        first, last = int(then.min()) - seconds, int(then.max()) + seconds
        for row in measurements_since(connection, seconds, first, last + 1):
            i = number.get((row.snssai, row.cu, row.cell))
            period = 1 if i is None else 1 + round((int(row.period_start.timestamp()) - then[i]) / seconds)
            if i is not None and 0 <= period < 3 and not row.is_suspect:
                counters[i, period] = row.requests, row.successes, curable(row)
        ends = then[:, None] + seconds * np.arange(3)
        limits = configured_of(connection, cells, ends, known.local_ids(cells)).connections
        answers = target(card.target, infer_failures(counters)[0], limits, card.failure_bound)
        columns.append(as_column(answers, limits)[:, 1])
    return np.column_stack([*columns, calendar(past.newest)])


def _predicted(
    champion: Champion | None,
    past: History,
    configured: Floats,
    seasonal: Floats | None,
    at: int,
    options: DecisionOptions,
) -> tuple[Features, Floats]:
    """The features of each cell, and what the model in use answers; NaN where there is nothing to answer."""
    if champion is None:
        found = features(past, configured, options.target, as_of=at, late_periods=options.late_periods)
        return found, np.full(len(found.inputs), np.nan)
    made = predict(
        champion.model, past, configured, as_of=at, late_periods=options.late_periods, seasonal=seasonal
    )
    return made.features, made.connections


def decided_messages(store: Store, as_of: int) -> Iterator[Message]:
    """The policy messages of a batch, made of what is stored; version and controller ride in the headers."""
    rows = store.read(lambda connection: predictions_of(connection, as_of))
    changes = [
        Change(
            row.snssai, row.cu, row.local_id or local_id(row.cell) or row.cell, int(row.configured),
            int(row.final), row.sent_as, row.ric or "",
        )
        for row in rows
    ]  # fmt: skip
    versions = {row.model_version for row in rows}
    for message in policy_messages(changes, as_of):
        headers: tuple[tuple[str, bytes | None], ...] = (("model-version", str(min(versions)).encode()),)
        if message.ric:
            headers += (("near-rt-ric-id", message.ric.encode()),)
        name = f"{message.snssai}:{as_of}" + (f":{message.ric}" if message.ric else "")
        yield Message(name, message.snssai.encode(), message.body, headers)
