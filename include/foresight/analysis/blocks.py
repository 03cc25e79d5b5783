"""Blocks of rows: how a matrix of any height is worked through in bounded memory.

Every block has the same shape, the last one padded, so that each series meets the same machine code
whatever its neighbours: a series analysed alone has, bit for bit, the results it has among thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Matrix, Rows, Vector, power_of_two_scale
from foresight.analysis.gaps import extremes, fill, is_complete

BLOCK_BYTES = 3 << 20
"""Aim for the size of one block: small enough for the cache, large enough to be worth a call."""
MAX_ROWS = 128
MIN_ROWS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a matrix, without gaps."""

    rows: Rows
    """Which rows of the matrix, shape ``[n]``; rows of ``samples`` beyond the n-th are padding."""
    samples: Matrix
    """``[rows_per_block, n_slots]``, each row times its ``scale``."""
    scale: Vector
    """Powers of two, shape ``[n]``: 1.0 but for extreme magnitudes."""

    def restore(self, scaled: Matrix) -> Matrix:
        """Rows of a result that is linear in the samples, in the units of the series; padding dropped."""
        kept = scaled[: len(self.rows)]
        if (self.scale == 1.0).all():
            return kept
        with np.errstate(over="ignore"):
            return kept / self.scale.reshape((-1,) + (1,) * (kept.ndim - 1))


def rows_per_block(n_slots: int) -> int:
    """Rows of one block, a multiple of 16; it depends on the number of slots alone."""
    rows = BLOCK_BYTES // (8 * max(n_slots, 1))
    return int(np.clip(rows - rows % MIN_ROWS, MIN_ROWS, MAX_ROWS))


def in_blocks(values: Matrix, rows: Rows) -> Iterator[Block]:
    """The chosen ``rows`` of ``values[n_series, n_slots]``, block by block, gaps filled."""
    height = rows_per_block(values.shape[1])
    for start in range(0, len(rows), height):
        chosen = rows[start : start + height]
        samples = values[chosen]
        highest, lowest = extremes(samples)
        holed = np.flatnonzero(~is_complete(highest, lowest))
        if holed.size:
            samples[holed] = filled = fill(samples[holed])
            highest[holed], lowest[holed] = extremes(filled)
        scale = power_of_two_scale(np.maximum(highest, -lowest))
        if not (scale == 1.0).all():
            samples = samples * scale[:, None]
        if len(chosen) < height:
            samples = np.pad(samples, ((0, height - len(chosen)), (0, 0)))
        yield Block(chosen, samples, scale)
