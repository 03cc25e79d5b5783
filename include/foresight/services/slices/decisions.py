"""From stored measurements to decisions: features, one batched prediction, guardrails, rows.

A cell is decided once for each period. What could not be predicted (no model, no configuration, warming up)
is decided again by a later run; a decision that a model made stands, so a message once made stays the same.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import Connection

from foresight.messaging import Message
from foresight.services.slices.configuration import configured_of
from foresight.slices.features import DEPTH, Features, History, Outcome, features, history, infer_failures
from foresight.slices.guardrails import Guarded, Limits, Rule, guard
from foresight.slices.model_file import parse_model
from foresight.slices.network import Model
from foresight.slices.policy import Change, is_local_id, policy_messages
from foresight.slices.prediction import predict
from foresight.slices.targets import Floats, Target, target
from foresight.store import Store
from foresight.store.slice_models import find_champion
from foresight.store.slices import Cell, last_changes, measurements_since, predictions_of, undecided_cells

LOOK_BACK_SECONDS: Final = 86_400
"""A cell that last reported longer ago is not looked at any more."""
FINAL: Final = (Outcome.LATE.label,)
"""Outcomes that no later run can change."""
UNREADABLE_CELL: Final = "unreadable_cell"
"""The rule of a cell whose id the consumer cannot read: its value stays."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in use, and its version."""

    version: str
    model: Model


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run may do. ``active``: slices that are managed, empty for all."""

    target: Target = Target.REFERENCE
    limits: Limits = field(default_factory=Limits)
    active: frozenset[str] = frozenset()
    late_periods: float = 1.0


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions on some cells: columns of ``slice_prediction`` without the batch, and the inputs behind them.

    ``overdue`` holds, for a target that looks ahead, what the model should have answered one period before.
    """

    columns: Mapping[str, Any]
    inputs: Floats
    overdue: Mapping[tuple[str, str, str, int], float] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many cells there are by outcome and by rule, and how many belong into messages."""
        outcomes = Counter(f"outcome {name}" for name in self.columns["outcome"])
        rules = Counter(f"rule {name}" for name in self.columns["rule"])
        return {**outcomes, **rules, "sent": int(np.sum(self.columns["is_sent"]))}


def load_champion(connection: Connection, kind: Target) -> Champion | None:
    """The model in use for a target; None without one."""
    row = find_champion(connection, kind)
    return None if row is None else Champion(row.version, parse_model(b64decode(row.document), row.version))


def undecided(connection: Connection, at: int) -> dict[Cell, int]:
    """The newest period of each cell that waits to be decided, with its start."""
    return undecided_cells(connection, at - LOOK_BACK_SECONDS, Outcome.READY.label, FINAL)


def decide(connection: Connection, waiting: Mapping[Cell, int], at: int, wishes: Wishes) -> Decided:
    """Decides on the newest period of each cell in ``waiting``; nothing is stored yet."""
    cells = sorted(waiting)
    past = _histories(connection, cells, min(waiting.values()))
    ends = past.newest[:, None] + past.granularity[:, None] * np.arange(2 - DEPTH, 2)
    ends[:, -1] = np.maximum(ends[:, -1], at)  # what holds now is what is changed
    limits = configured_of(connection, cells, ends)
    champion = load_champion(connection, wishes.target)
    found, predicted = _predicted(champion, past, limits.connections, at, wishes)
    guarded = guard_cells(
        cells,
        limits.connections[:, -1],
        predicted,
        wishes,
        age_seconds=limits.age_seconds(at),
        quiet_for_seconds=_quiet(connection, cells, at, wishes.limits),
    )
    bound = champion.model.card.failure_bound if champion else 0.1
    answers = target(wishes.target, infer_failures(past.counters)[0], limits.connections, bound)
    columns = {
        **decision_columns(cells, past.newest, guarded),
        "outcome": [Outcome(outcome).label for outcome in found.outcome],
        "is_inferred": found.is_inferred,
        "model_version": champion and champion.version,
        "configured": limits.connections[:, -1],
        "configured_read_at": [None if np.isnan(at) else int(at) for at in limits.read_at],
        "answer": answers[:, -1],
    }
    before = (past.newest - past.granularity).tolist()
    overdue = zip(cells, before, answers[:, -2].tolist(), strict=True)
    return Decided(
        columns,
        found.inputs[found.is_ready],
        {(*cell, start): answer for cell, start, answer in overdue if np.isfinite(answer)}
        if wishes.target is Target.FORWARD
        else {},
    )


def guard_cells(
    cells: Sequence[Cell], previous: Floats, predicted: Floats, wishes: Wishes,
    groups: ArrayLike | None = None, **ages: ArrayLike,
) -> tuple[Guarded, list[str]]:  # fmt: skip
    """The guarded predictions and the rule of each; ``groups``: whose sums are limited, by default slices."""
    slices, of = np.unique([snssai for snssai, _, _ in cells], return_inverse=True)
    managed = np.array([not wishes.active or str(snssai) in wishes.active for snssai in slices])
    readable = np.array([is_local_id(cell) for _, _, cell in cells])
    active = managed[of] & readable
    groups = of if groups is None else groups
    guarded = guard(groups, previous, predicted, wishes.limits, active=active, **ages)
    labels = {rule: rule.label for rule in Rule}
    rules = [labels[Rule(rule)] for rule in guarded.rule.tolist()]
    return guarded, [
        rule if is_one else UNREADABLE_CELL for rule, is_one in zip(rules, readable.tolist(), strict=True)
    ]


def decision_columns(
    cells: Sequence[Cell], starts: NDArray[np.int64], guarded: tuple[Guarded, list[str]]
) -> dict[str, Any]:
    """What the guardrails said, as columns of ``slice_prediction``."""
    snssai, cu, cell = (list(part) for part in zip(*cells, strict=True))
    found, rules = guarded
    raw = np.where(np.isinf(found.raw), np.nan, found.raw)
    return {
        "snssai": snssai, "cu": cu, "cell": cell, "period_start": starts,
        "raw": raw, "capped": found.capped, "final": found.final, "rule": rules, "is_sent": found.is_sent,
    }  # fmt: skip


def _histories(connection: Connection, cells: Sequence[Cell], oldest: int) -> History:
    """The last periods of each cell; as far back as the longest granularity asks."""
    recent = measurements_since(connection, oldest)
    reach = DEPTH * max((row.granularity_seconds for row in recent), default=0)
    number = {cell: i for i, cell in enumerate(cells)}
    rows = [
        (number[row.snssai, row.cu, row.cell], row)
        for row in [*measurements_since(connection, oldest - reach, oldest), *recent]
        if (row.snssai, row.cu, row.cell) in number
    ]
    return history(
        [cell for cell, _ in rows],
        [int(row.period_start.timestamp()) for _, row in rows],
        [row.granularity_seconds for _, row in rows],
        np.array([(row.requests, row.successes, row.failures) for _, row in rows], np.float64),
        [row.is_suspect for _, row in rows],
        len(cells),
    )


def _predicted(
    champion: Champion | None, past: History, configured: Floats, at: int, wishes: Wishes
) -> tuple[Features, Floats]:
    """The features of each cell, and what the model in use answers; NaN where there is nothing to answer."""
    if champion is None:
        found = features(past, configured, wishes.target, as_of=at, late_periods=wishes.late_periods)
        return found, np.full(len(found.inputs), np.nan)
    made = predict(champion.model, past, configured, as_of=at, late_periods=wishes.late_periods)
    return made.features, made.connections


def _quiet(connection: Connection, cells: Sequence[Cell], at: int, limits: Limits) -> Floats:
    """Seconds since each cell was last sent a change; infinite where it was not, or nobody asks."""
    if not limits.quiet_seconds:
        return np.full(len(cells), np.inf)
    changed = last_changes(connection, at - int(limits.quiet_seconds))
    return np.array([at - changed[cell] if cell in changed else np.inf for cell in cells])


def decided_messages(store: Store, as_of: int) -> Iterator[Message]:
    """The policy messages of a batch: one a slice, made of what is stored; versions ride in the headers."""
    rows = store.read(lambda connection: predictions_of(connection, as_of))
    changes = [Change(row.snssai, row.cu, row.cell, int(row.configured), int(row.final)) for row in rows]
    versions = {row.snssai: row.model_version for row in rows}
    for message in policy_messages(changes, as_of):
        headers = (("model-version", str(versions[message.snssai]).encode()),)
        yield Message(f"{message.snssai}:{as_of}", message.snssai.encode(), message.body, headers)
