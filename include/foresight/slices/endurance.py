"""Weeks of decisions on made-up cells: where does capacity end up, whatever goes wrong?

Each period predicts from what is in force, guards the prediction, and applies it or not. ``WHITE_NOISE``:
what the network answers follows chance alone. ``UNCURABLE``: sessions fail for a reason that connections do
not cure, so the answer is always more. ``STUCK``: the same, and nobody applies what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from foresight.slices.envelope import Envelope, box_of
from foresight.slices.guardrails import Limits, Rule, guard
from foresight.slices.projection import Floats

PERIODS_A_DAY: Final = 96
STEPS: Final = Limits()
BOUNDS: Final = Envelope()
_FAILED: Final = (0.25, 0.40)
"""Failures per request after the published simulator's law."""


class Scenario(StrEnum):
    """What goes wrong."""

    WHITE_NOISE = "white_noise"
    UNCURABLE = "uncurable"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Endured:
    """``in_force`` and ``sent`` ``[n_periods, n_cells]``; NaN where nothing was sent."""

    in_force: Floats
    sent: Floats

    @property
    def lowest(self) -> float:
        """The smallest share of its first value that a cell was sent or had."""
        return float(np.nanmin(np.fmin(self.in_force, self.sent) / self.in_force[0]))

    @property
    def highest(self) -> float:
        """The greatest such share."""
        return float(np.nanmax(np.fmax(self.in_force, self.sent) / self.in_force[0]))


def endure(
    scenario: Scenario,
    n_days: int,
    n_cells: int = 24,
    seed: int = 0,
    limits: Limits = STEPS,
    envelope: Envelope | None = BOUNDS,
) -> Endured:
    """One slice over ``n_days``, a decision every quarter of an hour; without an envelope, steps alone."""
    rng = np.random.default_rng(seed)
    in_force = [rng.integers(100, 135, n_cells).astype(np.float64)]
    sent: list[Floats] = []
    share = rng.uniform(*_FAILED, n_cells)
    slices, attempts = np.zeros(n_cells, np.int64), np.zeros(n_cells, np.int64)
    for _ in range(n_days * PERIODS_A_DAY):
        P, before = in_force[-1], share
        share = rng.uniform(*_FAILED, n_cells)
        wish = (
            P * (1 + share - before)
            if scenario is Scenario.WHITE_NOISE
            else P * rng.uniform(1.05, 1.3, n_cells)
        )
        if envelope is None:
            guarded = guard(slices, P, wish, limits)
        else:
            day = np.array(in_force[-PERIODS_A_DAY - 1 :]).T
            box = box_of(envelope, slices, P, anchor=in_force[0], day=day)
            holds = np.where(attempts > envelope.repeats, Rule.NOT_APPLIED, Rule.NEAREST)
            guarded = guard(slices, P, wish, limits, holds=holds, box=box)
        sent.append(np.where(guarded.is_sent, guarded.final, np.nan))
        applied = P if scenario is Scenario.STUCK else guarded.final
        attempts = np.where(applied != P, 0, attempts + guarded.is_sent)
        in_force.append(applied)
    return Endured(np.array(in_force[:-1]), np.array(sent))
