"""The guardrails of a run: what holds each cell, what limits it, and the nearest whole numbers inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import Connection

from foresight.services.slices.configuration import Configured, configured_of
from foresight.services.slices.knowledge import Knowledge
from foresight.services.slices.options import DecisionOptions
from foresight.slices.envelope import box_of, shared_room
from foresight.slices.guardrails import Box, Guarded, Rule, guard
from foresight.slices.identifiers import local_id, normal_form
from foresight.slices.targets import Floats
from foresight.store.slices import Cell, sent_in

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class SliceCells:
    """All cells of some slices: first those to decide on, then the others; values in force now."""

    cells: list[Cell]
    n_mine: int
    limits: Configured
    day: Floats

    @classmethod
    def of(
        cls, connection: Connection, mine: list[Cell], others: list[Cell], limits: Configured, at: int,
        known: Knowledge,
    ) -> SliceCells:  # fmt: skip
        cells = [*mine, *others]
        times = np.broadcast_to(at - DAY_SECONDS + 900 * np.arange(97), (len(cells), 97))
        day = configured_of(connection, cells, times, known.local_ids(cells))
        rest = slice(len(mine), None)
        joined = Configured(
            np.concatenate([limits.connections[:, -1], day.connections[rest, -1]]),
            np.concatenate([limits.read_at, day.read_at[rest]]),
            np.concatenate([limits.since, day.since[rest]]),
        )
        return cls(cells, len(mine), joined, day.connections)


def guard_slices(
    connection: Connection, whole: SliceCells, predicted: Floats, starts: NDArray[np.int64], at: int,
    options: DecisionOptions, known: Knowledge, worse: set[str],
) -> tuple[Guarded, list[str], dict[Cell, int]]:  # fmt: skip
    """The guarded predictions of the cells to decide on, the rule of each, and anchors that are new."""
    cells, n_mine, previous = whole.cells, whole.n_mine, whole.limits.connections
    _, of = np.unique([snssai for snssai, _, _ in cells], return_inverse=True)
    asked = np.full(len(cells), np.nan)
    asked[:n_mine] = predicted
    already = sent_in(connection, options.granularity_seconds, starts.tolist())
    holds = np.full(len(cells), Rule.NO_PREDICTION, np.int8)
    holds[:n_mine] = _holds(whole, starts, options, known, worse, already)
    capacity = np.array([known.capacity(cell) for cell in cells])
    names = [f"{cell[1]}\n{known.local(cell) or cell[2]}" for cell in cells]  # whatever a job calls a cell
    _, shared = np.unique(names, return_inverse=True)
    limit = np.clip(
        asked, previous * (1 - options.limits.cell_share), previous * (1 + options.limits.cell_share)
    )
    anchor, new = known.anchors(cells, previous, options.envelope)
    floor, ceiling = known.floors_and_ceilings(cells)
    box = box_of(
        options.envelope, of, previous, anchor=anchor, day=whole.day, floor=floor, ceiling=ceiling,
        most=shared_room(shared, previous, np.where(holds == Rule.NEAREST, limit, np.nan), capacity),
    )  # fmt: skip
    guarded = guard(
        of, previous, asked, options.limits, holds=holds,
        box=_less_sent(box, of, cells, previous, already, options),
        age_seconds=whole.limits.age_seconds(at), unchanged_seconds=known.unchanged_seconds(cells, at),
    )  # fmt: skip
    labels = {rule: rule.label for rule in Rule}
    mine = slice(0, n_mine)
    part = Guarded(*(getattr(guarded, name)[mine] for name in ("raw", "capped", "final", "rule", "gap")))
    return part, [labels[Rule(rule)] for rule in part.rule.tolist()], new


def _less_sent(
    box: Box,
    of: NDArray[np.int64],
    cells: Sequence[Cell],
    previous: Floats,
    already: Sequence[Any],
    options: DecisionOptions,
) -> Box:
    """The limits of the sums, less what other messages of the same period have moved already."""
    if not already:
        return box
    moved = Counter[str]()
    for row in already:
        moved[row.snssai] += int(row.final) - int(row.configured)
    total = np.bincount(of, np.nan_to_num(previous))[of]
    spent = np.array([moved[snssai] for snssai, _, _ in cells])
    share = np.floor(total * options.limits.slice_share)
    return replace(
        box,
        slice_lowest=np.fmax(np.asarray(box.slice_lowest), total - np.maximum(share + spent, 0)),
        slice_highest=np.fmin(np.asarray(box.slice_highest), total + np.maximum(share - spent, 0)),
    )


def _holds(
    whole: SliceCells, starts: NDArray[np.int64], options: DecisionOptions, known: Knowledge, worse: set[str],
    already: Sequence[Any],
) -> NDArray[np.int8]:  # fmt: skip
    """The rule that keeps each cell's value whatever is predicted; ``NEAREST`` for none."""
    cells = whole.cells[: whole.n_mine]
    ambiguous = known.ambiguous(whole.cells)
    announced = {(row.snssai, row.cu, int(row.period_start.timestamp())) for row in already}
    rules = []
    for number, cell in enumerate(cells):
        snssai, cu, _ = cell
        ladder = (
            (not options.manages(snssai, known.statuses), Rule.INACTIVE_SLICE),
            (known.local(cell) is None, Rule.UNREADABLE_CELL),
            (cell in ambiguous, Rule.AMBIGUOUS_CELL),
            (known.is_held(cell), Rule.HELD),
            ((snssai, cu, int(starts[number])) in announced, Rule.ALREADY_SENT),
            (snssai in worse, Rule.MODEL_WORSE),
            (
                known.attempts(cell, whole.limits.since[number]) > options.envelope.repeats
                and not np.isnan(whole.limits.read_at[number]),
                Rule.NOT_APPLIED,
            ),
        )
        rules.append(next((rule for applies, rule in ladder if applies), Rule.NEAREST))
    return np.array(rules, np.int8)


def guard_cells(
    cells: Sequence[Cell], previous: Floats, predicted: Floats, options: DecisionOptions, groups: ArrayLike
) -> tuple[Guarded, list[str]]:
    """Guarded predictions of a recording, one step each; ``groups``: whose sums are limited."""
    managed = {snssai: options.manages(snssai, {}) for snssai in {normal_form(cell[0]) for cell in cells}}
    holds = [
        Rule.INACTIVE_SLICE
        if not managed[normal_form(snssai)]
        else Rule.UNREADABLE_CELL
        if local_id(cell) is None
        else Rule.NEAREST
        for snssai, _, cell in cells
    ]
    guarded = guard(groups, previous, predicted, options.limits, holds=np.array(holds, np.int8))
    labels = {rule: rule.label for rule in Rule}
    return guarded, [labels[Rule(rule)] for rule in guarded.rule.tolist()]
