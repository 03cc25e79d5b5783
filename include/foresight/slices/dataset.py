"""Rows to train on and to judge by: all windows of all cells; no judged period was ever seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foresight.slices.features import INPUTS, LONG_INPUTS, PAST, PERIODS, windows
from foresight.slices.recording import Recording
from foresight.slices.seasons import has_seasons
from foresight.slices.targets import FAILURE_BOUND, Floats, Target

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Dataset:
    """``inputs`` ``[n_cells, n_windows, n]``, ``answers`` ``[n_cells, n_windows]``, NaN where not usable.

    Window ``j`` ends with the period that starts at ``starts[j]`` (epoch seconds). There are 24 inputs, or 30
    where 14 days are there; ``names`` are those that a model is trained on: all of them for a forecast on a
    history whose time is known, else the first 24.
    """

    inputs: Floats
    answers: Floats
    starts: NDArray[np.int64]
    target: Target
    failure_bound: float
    names: tuple[str, ...] = INPUTS

    @classmethod
    def of(cls, recording: Recording, target: Target, failure_bound: float = FAILURE_BOUND) -> Dataset:
        """All windows of a recording."""
        seconds = recording.granularity_seconds
        is_long = has_seasons(recording.counters.shape[1], seconds)
        inputs, answers = windows(
            recording.counters, recording.configured, target, failure_bound,
            (recording.start, seconds) if is_long else None,
        )  # fmt: skip
        is_timed = is_long and target is Target.FORWARD and recording.start > 0
        names = LONG_INPUTS if is_timed else INPUTS
        whole = np.isfinite(inputs[..., : len(names)]).all(axis=-1)
        answers = np.where(whole, answers, np.nan)
        return cls(inputs, answers, recording.starts[PAST:], target, failure_bound, names)

    @cached_property
    def usable(self) -> Mask:
        """Which windows are whole and have an answer, ``[n_cells, n_windows]``."""
        return np.isfinite(self.answers)

    @property
    def rows(self) -> Floats:
        """The inputs that a model is trained on, ``[n_cells, n_windows, len(names)]``."""
        return self.inputs[..., : len(self.names)]

    @property
    def has_seasons(self) -> bool:
        """Whether the answers of yesterday and last week are among the inputs."""
        return bool(self.inputs.shape[-1] == len(LONG_INPUTS))

    @property
    def configured(self) -> Floats:
        """The configured connections at the end of each window."""
        return self.column("configured[t]")

    def column(self, name: str) -> Floats:
        """One input by name, ``[n_cells, n_windows]``."""
        return self.inputs[..., LONG_INPUTS.index(name)]

    def sha256(self, mask: Mask) -> str:
        """A hash of the rows in ``mask``: two models with equal hashes were trained on equal rows."""
        digest = hashlib.sha256(self.target.encode())
        for cell, rows in enumerate(mask):
            digest.update(np.ascontiguousarray(self.rows[cell, rows]).tobytes())
            digest.update(np.ascontiguousarray(self.answers[cell, rows]).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint sets of usable windows, each ``[n_cells, n_windows]``."""

    train: Mask
    validation: Mask
    test: Mask


def split_by_time(data: Dataset, test_share: float = 0.1, validation_share: float = 0.1) -> Split:
    """The oldest windows to train on, then to stop by, the newest to judge by.

    Between two sets as many windows are left out as one window spans, so that no period is in both.
    """
    n_windows = data.answers.shape[1]
    test = n_windows - round(n_windows * test_share)
    validation = test - round(n_windows * validation_share)
    if validation - PERIODS < 1 or test - PERIODS <= validation or test >= n_windows:
        raise ValueError(f"{n_windows} windows are too few to train, stop and judge by")
    at = np.arange(n_windows)
    parts = (at < validation - PERIODS, (at >= validation) & (at < test - PERIODS), at >= test)
    return Split(*(data.usable & part for part in parts))


def split_stacked(data: Dataset, test_share: float = 0.1, validation_share: float = 0.1) -> Split:
    """As the published figures were made: cells one after the other, the last rows to judge by.

    The test is on cells that were not trained on. The set to stop by is the newest of the other rows.
    """
    n_cells, n_windows = data.answers.shape
    row = np.arange(n_cells * n_windows).reshape(n_cells, n_windows)
    test = row >= int(row.size * (1 - test_share))
    newest = (np.arange(n_windows) >= round(n_windows * (1 - validation_share)))[None, :]
    edge = np.zeros_like(test)
    edge[:, :-PERIODS] = test[:, PERIODS:] & ~test[:, :-PERIODS]  # windows that reach into the test
    old = (np.arange(n_windows) < round(n_windows * (1 - validation_share)) - PERIODS)[None, :]
    return Split(data.usable & ~test & ~edge & old, data.usable & ~test & ~edge & newest, data.usable & test)
