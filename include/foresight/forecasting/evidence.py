"""Everything that is known of the series of a block before any bound is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.analysis.arrays import Matrix, Vector
from foresight.analysis.blocks import Block
from foresight.forecasting.paths import Paths
from foresight.forecasting.trends import LINES, Trends
from foresight.forecasting.views import Views
from foresight.forecasting.window import SIDES, Window, run_along

TINY = 1e-9
"""The least unit of a distance, in magnitudes of the window."""
FAR = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Of a block of series, in units of the block and relative to the newest sample of each."""

    block: Block
    horizon: int
    """Slots that the paths reach ahead of as-of."""
    window: Window
    views: Views
    trends: Trends
    paths: Paths
    unit_now: Vector
    """The present volatility, never 0; ``[n_series]``."""
    unit_usual: Vector
    unit_spread: Vector
    reaches: tuple[Matrix, Matrix]
    """How far the paths have come up to each step, upwards and (mirrored) downwards."""
    context: Matrix
    """What the calibrator reads of the series, seen from each side, ``[2, n_series, n_context]``."""

    @classmethod
    def of(cls, block: Block, window: Window, paths: Paths, gain: Vector) -> Evidence:
        """The evidence of a block; ``gain[n_series]`` is the chosen model's error over the naive one's."""
        horizon = len(paths.steps)
        views, trends = Views.of(window, horizon), Trends.of(window)
        magnitude = np.maximum(np.abs(block.samples).max(axis=1), np.finfo(np.float64).tiny)
        now, usual, spread = units = [
            np.maximum(unit, TINY * magnitude) for unit in (window.volatility, window.usual, window.spread)
        ]
        reaches = run_along(paths.steps, np.maximum), -run_along(paths.steps, np.minimum)
        context = np.stack([_context(window, views, trends, units, gain, side) for side in range(len(SIDES))])
        return cls(block, horizon, window, views, trends, paths, now, usual, spread, reaches, context)


def _context(
    window: Window, views: Views, trends: Trends, units: list[Vector], gain: Vector, side: int
) -> Matrix:
    """Columns as :data:`~foresight.forecasting.features.CONTEXT` names them."""
    now, usual, spread = units
    sign, n_series, n_slots = SIDES[side], *window.samples.shape
    low, middle, high = (window.ordered[:, int(share * (n_slots - 1))] for share in (0.05, 0.5, 0.95))
    upper, lower = (high - middle, middle - low) if sign > 0 else (middle - low, high - middle)
    columns: list[Any] = [
        _log_ratio(now, usual),
        _log_ratio(usual, spread),
        views.repeats,
        np.log1p(views.period),
        _squash(-sign * middle / spread),
        _log_ratio(upper + 0.05 * spread, lower + 0.05 * spread),
        np.full(n_series, np.log1p(window.gap)),
        window.observed.mean(axis=1),
        window.changing,
        np.log(window.touches[side]),
        np.log(window.touches[1 - side]),
        gain,
        np.full(n_series, np.log(n_slots / 720.0)),
        *_squash(sign * trends.slope * 10.0 / usual),
        *_log_ratio(trends.noise, np.broadcast_to(usual, trends.noise.shape)),
        *_squash(sign * trends.bend[: len(LINES)]),
        *np.log1p(views.effective).T,
    ]
    return np.stack(columns, axis=1)


def _log_ratio(a: Matrix, b: Matrix) -> Matrix:
    tiny = np.finfo(np.float64).tiny
    return np.asarray(np.clip(np.log(np.maximum(a, tiny) / np.maximum(b, tiny)), -12.0, 12.0))


def _squash(distance: Matrix) -> Matrix:
    return np.asarray(np.arcsinh(np.clip(distance, -FAR, FAR)))
