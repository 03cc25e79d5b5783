"""The trained network without its training library: LSTM and dense layer in NumPy, many rows at once.

The recurrence is that of Keras: gates in the order input, forget, cell, output; sigmoid and tanh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.slices.features import COLUMNS, INPUTS, PAST
from foresight.slices.targets import FAILURE_BOUND, Floats, Target

Weights = NDArray[np.float32] | NDArray[np.float64]

Bins = tuple[tuple[float, ...], tuple[float, ...]]

NAMES: Final = ("kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")
LARGEST_UNITS: Final = 512
_EDGE: Final = 1e-9

_COLUMN_OF = np.array([COLUMNS.index(name.partition("[")[0]) for name in INPUTS])
_ANSWER = COLUMNS.index("predicted")


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of LSTM(units) + Dense(1), all float32 or all float64, finite.

    ``kernel`` ``[n_inputs, 4 * units]``, ``recurrent_kernel`` ``[units, 4 * units]``,
    ``bias`` ``[4 * units]``, ``dense_kernel`` ``[units, 1]``, ``dense_bias`` ``[1]``.
    """

    kernel: Weights
    recurrent_kernel: Weights
    bias: Weights
    dense_kernel: Weights
    dense_bias: Weights

    def __post_init__(self) -> None:
        units = self.dense_kernel.shape[0] if self.dense_kernel.ndim else 0
        if not 1 <= units <= LARGEST_UNITS:
            raise ValueError(f"dense_kernel: a network has 1 to {LARGEST_UNITS} units, got {units}")
        shapes = shapes_of(units, self.kernel.shape[0] if self.kernel.ndim else 0)
        for name in NAMES:
            weight = getattr(self, name)
            if weight.shape != shapes[name] or weight.dtype != self.kernel.dtype:
                raise ValueError(f"{name}: expected {shapes[name]}, got {weight.dtype} {weight.shape}")
            if weight.dtype not in (np.float32, np.float64) or not np.isfinite(weight).all():
                raise ValueError(f"{name}: expected finite float32 or float64, got {weight.dtype}")

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The output of each row ``[n]``; ``rows`` is ``[n, n_inputs]`` or ``[n, n_steps, n_inputs]``."""
        steps: NDArray[Any] = np.asarray(rows, self.kernel.dtype)
        steps = steps[:, None, :] if steps.ndim == 2 else steps
        hidden: NDArray[Any] = np.zeros((len(steps), self.dense_kernel.shape[0]), self.kernel.dtype)
        cell = hidden
        for step in range(steps.shape[1]):
            gates: NDArray[Any] = steps[:, step] @ self.kernel + self.bias
            if step:  # before the first step there is nothing to remember
                gates += hidden @ self.recurrent_kernel
            into, keep, fresh, out = np.split(gates, 4, axis=1)
            cell = _sigmoid(into) * np.tanh(fresh) + (_sigmoid(keep) * cell if step else 0)
            hidden = _sigmoid(out) * np.tanh(cell)
        return np.asarray((hidden @ self.dense_kernel + self.dense_bias)[:, 0])


@dataclass(frozen=True, slots=True)
class Scaler:
    """Each column from its range in the training rows to [-1, 1]; ``low`` and ``high`` float64 ``[5]``."""

    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            bounds = getattr(self, name)
            if bounds.shape != (len(COLUMNS),) or bounds.dtype != np.float64 or not np.isfinite(bounds).all():
                raise ValueError(f"{name}: expected {len(COLUMNS)} finite float64, got {bounds!r:.200}")
        if (self.low > self.high).any():
            raise ValueError("low: lies above high")

    @classmethod
    def fitted(cls, inputs: Floats, answers: Floats) -> Scaler:
        """The range of each column anywhere in the windows; ``inputs`` ``[n, 24]``, ``answers`` ``[n]``."""
        low, high = np.empty(len(COLUMNS)), np.empty(len(COLUMNS))
        for column in range(len(COLUMNS)):
            part = inputs[:, np.equal(_COLUMN_OF, column)]
            low[column], high[column] = part.min(), part.max()
        low[_ANSWER] = min(low[_ANSWER], answers.min())
        high[_ANSWER] = max(high[_ANSWER], answers.max())
        return cls(low, high)

    @property
    def _span(self) -> Floats:
        return np.where(self.high > self.low, self.high - self.low, 1.0)

    def inputs(self, inputs: Floats) -> Floats:
        """Scaled inputs ``[n, 24]``."""
        scaled: Floats = 2.0 * (inputs - self.low[_COLUMN_OF]) / self._span[_COLUMN_OF] - 1.0
        return scaled

    def answers(self, answers: Floats) -> Floats:
        """Scaled answers, any shape."""
        scaled: Floats = 2.0 * (answers - self.low[_ANSWER]) / self._span[_ANSWER] - 1.0
        return scaled

    def unscaled(self, outputs: NDArray[Any]) -> Floats:
        """Answers in connections from outputs of the network."""
        answers: Floats = (np.asarray(outputs, np.float64) + 1.0) / 2.0 * self._span[_ANSWER] + self.low[
            _ANSWER
        ]
        return answers


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model, stored with it.

    ``training_range``: first and last period start of the training rows, epoch seconds or period numbers.
    ``data_sha256``: of the rows it was trained on. ``versions``: library → version. ``metrics``: by name.
    ``profile``: input column → edges of its bins and the share of training rows in each, to see drift by.
    """

    target: Target
    training_range: tuple[int, int]
    data_sha256: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    failure_bound: float = FAILURE_BOUND
    seed: int = 0
    source: str = "trained"
    profile: Mapping[str, Bins] = field(default_factory=dict)
    inputs: tuple[str, ...] = INPUTS
    window: int = PAST


@dataclass(frozen=True, slots=True)
class Model:
    """A network with the scaler that belongs to it and what is known of both."""

    network: Network
    scaler: Scaler
    card: Card

    def __post_init__(self) -> None:
        if self.card.inputs != INPUTS or self.card.window != PAST:
            raise ValueError(f"inputs: this model is for other features: {self.card.inputs!r:.200}")
        if self.network.kernel.shape[0] != len(INPUTS):
            raise ValueError(f"kernel: expected {len(INPUTS)} inputs, got {self.network.kernel.shape[0]}")

    def is_outside(self, inputs: Floats) -> NDArray[np.bool_]:
        """Which rows of ``inputs`` ``[n, 24]`` have an input that no training row had, shape ``[n]``."""
        outside = (np.abs(self.scaler.inputs(inputs)) > 1.0 + _EDGE).any(axis=1)
        for name, (edges, _) in self.card.profile.items():
            values = inputs[:, self.card.inputs.index(name)]
            outside |= (values < edges[0] * (1 - _EDGE)) | (values >= edges[-1] * (1 + _EDGE))
        return np.asarray(outside)

    def predict(self, inputs: Floats) -> Floats:
        """Connections for each row of ``inputs`` ``[n, 24]``, shape ``[n]``; NaN where an input is NaN."""
        return self.scaler.unscaled(self.network.run(self.scaler.inputs(inputs)))


def shapes_of(units: int, n_inputs: int = len(INPUTS)) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a network."""
    gates = 4 * units
    return dict(zip(NAMES, ((n_inputs, gates), (units, gates), (gates,), (units, 1), (1,)), strict=True))


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """As ``1 / (1 + exp(-x))``, without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)
