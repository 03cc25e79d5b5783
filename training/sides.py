"""Features and outcomes of one-sided bounds on recorded windows: what a calibrator is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.evidence import Evidence
from foresight.forecasting.features import CONTEXT, SIGNALS, describe
from foresight.forecasting.joint_forecast import forecast

Array = NDArray[np.float64]
STEPS = (1, 2, 3, 5, 7, 10, 30, 60)
N_SLOTS, AHEAD = 720, 60


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """One-sided bounds, each on the window it belongs to; arrays of shape ``[n]``."""

    rows: NDArray[np.intp]
    sign: Array
    """1: upper bound, -1: lower bound."""
    bound: Array


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is known of each side, and whether it was left within each of ``STEPS``."""

    signals: NDArray[np.float32]
    context: NDArray[np.float32]
    left: NDArray[np.bool_]
    group: NDArray[np.int64]

    @classmethod
    def join(cls, parts: list[Examples]) -> Examples:
        """All examples, one after the other."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("signals", "context", "left", "group")
            )
        )


def examples_of(past: Array, future: Array, sides: Sides, group: NDArray[np.int64]) -> Examples:
    """The examples of ``sides`` on windows ``past[n, n_slots]`` that ``future[n, AHEAD]`` followed.

    Sides of a series without a forecast are left out, and those whose outcome is not known.
    """
    n = len(sides.rows)
    signals = np.full((n, len(STEPS), len(SIGNALS)), np.nan, dtype=np.float32)
    context = np.full((n, len(CONTEXT)), np.nan, dtype=np.float32)
    by_row = np.argsort(sides.rows, kind="stable")

    def collect(evidence: Evidence) -> None:
        block = evidence.block
        ordered = sides.rows[by_row]
        here = by_row[np.isin(ordered, block.rows)]
        for sign in (1.0, -1.0):
            chosen = here[sides.sign[here] == sign]
            for start in range(0, len(chosen), 256):
                some = chosen[start : start + 256]
                local = np.searchsorted(block.rows, sides.rows[some])
                limit = sign * (sides.bound[some] * block.scale[local] - block.samples[local, -1])
                found = describe(evidence, local, sign, limit, STEPS)
                signals[some], context[some] = found.signals, found.context

    forecast(past, 10, collect=collect)
    beyond = sides.sign[:, None] * future[sides.rows] > (sides.sign * sides.bound)[:, None]
    left = np.stack([beyond[:, :step].any(axis=1) for step in STEPS], axis=1)
    known = np.isfinite(context).all(axis=1) & np.isfinite(future[sides.rows]).all(axis=1)
    return Examples(signals[known], context[known], left[known], group[sides.rows[known]])
