"""The trained network without its training library: LSTM and dense layer in NumPy, many rows at once.

The recurrence is that of Keras: gates in the order input, forget, cell, output; sigmoid and tanh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.slices.features import COLUMNS, INPUTS, LONG_INPUTS, PAST
from foresight.slices.targets import FAILURE_BOUND, Floats, Target

Weights = NDArray[np.float32] | NDArray[np.float64]

Bins = tuple[tuple[float, ...], tuple[float, ...]]

NAMES: Final = ("kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")
LARGEST_UNITS: Final = 512
_EDGE: Final = 1e-9

LINEAR_NAMES: Final = ("weights", "intercept")

_NAMED = [name.partition("[")[0] for name in LONG_INPUTS]
_COLUMN_OF = np.array([COLUMNS.index(name) if name in COLUMNS else len(COLUMNS) for name in _NAMED])
"""The column of each input; behind the last the calendar, which lies between -1 and 1."""
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

    @property
    def n_inputs(self) -> int:
        """How many inputs there are."""
        return int(self.kernel.shape[0])

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The output of each row ``[n]``; ``rows`` is ``[n, n_inputs]`` or ``[n, n_steps, n_inputs]``."""
        steps: NDArray[Any] = np.asarray(rows, self.kernel.dtype)
        steps = steps[:, None, :] if steps.ndim == 2 else steps
        units = self.dense_kernel.shape[0]
        hidden: NDArray[Any] = np.zeros((units, len(steps)), self.kernel.dtype)
        cell = hidden
        for step in range(steps.shape[1]):  # units by rows: each gate lies in one piece of memory
            gates: NDArray[Any] = self.kernel.T @ steps[:, step].T + self.bias[:, None]
            if step:  # before the first step there is nothing to remember
                gates += self.recurrent_kernel.T @ hidden
            into, keep, fresh, out = gates.reshape(4, units, len(steps))
            cell = _sigmoid(into) * np.tanh(fresh) + (_sigmoid(keep) * cell if step else 0)
            hidden = _sigmoid(out) * np.tanh(cell)
        return np.asarray((self.dense_kernel.T @ hidden)[0] + self.dense_bias[0])


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of the inputs as they are: ridge, or one input alone, such as yesterday's answer.

    ``weights`` float64 ``[n_inputs]``, ``intercept`` float64 ``[1]``, finite.
    """

    weights: Floats
    intercept: Floats

    def __post_init__(self) -> None:
        for name, shape in (("weights", (len(self.weights),)), ("intercept", (1,))):
            given = getattr(self, name)
            if given.shape != shape or given.dtype != np.float64 or not np.isfinite(given).all():
                raise ValueError(f"{name}: expected {shape} finite float64, got {given!r:.200}")

    @classmethod
    def of(cls, names: tuple[str, ...], chosen: str) -> Linear:
        """One input alone."""
        return cls(np.array([float(name == chosen) for name in names]), np.zeros(1))

    @property
    def n_inputs(self) -> int:
        """How many inputs there are."""
        return len(self.weights)

    def run(self, rows: NDArray[Any]) -> Floats:
        """The answer of each row, in connections; ``rows`` ``[..., n_inputs]``."""
        return np.asarray(rows @ self.weights + self.intercept[0], np.float64)


@dataclass(frozen=True, slots=True)
class Scaler:
    """Each column from its range in the training rows to [-1, 1]; ``low`` and ``high`` float64 ``[5]``.

    Inputs may be the 24 of ``INPUTS`` or the 30 of ``LONG_INPUTS``.
    """

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
        of = _COLUMN_OF[: inputs.shape[1]]
        for column in range(len(COLUMNS)):
            part = inputs[:, np.equal(of, column)]
            low[column], high[column] = part.min(), part.max()
        low[_ANSWER] = min(low[_ANSWER], answers.min())
        high[_ANSWER] = max(high[_ANSWER], answers.max())
        return cls(low, high)

    @property
    def _span(self) -> Floats:
        return np.where(self.high > self.low, self.high - self.low, 1.0)

    def inputs(self, inputs: Floats) -> Floats:
        """Scaled inputs ``[n, n_inputs]``."""
        of = _COLUMN_OF[: inputs.shape[1]]
        low, span = np.append(self.low, -1.0)[of], np.append(self._span, 2.0)[of]
        scaled: Floats = 2.0 * (inputs - low) / span - 1.0
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
    """A network, or a weighted sum, with the scaler that belongs to it and what is known of both."""

    network: Network | Linear
    scaler: Scaler
    card: Card

    def __post_init__(self) -> None:
        if self.card.inputs not in (INPUTS, LONG_INPUTS) or self.card.window != PAST:
            raise ValueError(f"inputs: this model is for other features: {self.card.inputs!r:.200}")
        if self.network.n_inputs != len(self.card.inputs):
            raise ValueError(f"kernel: expected {len(self.card.inputs)} inputs, got {self.network.n_inputs}")

    @property
    def is_seasonal(self) -> bool:
        """Whether it knows the time and the answers of yesterday and last week."""
        return self.card.inputs == LONG_INPUTS

    def is_outside(self, inputs: Floats) -> NDArray[np.bool_]:
        """Which rows ``[n, n_inputs]`` have an input that no training row had, shape ``[n]``."""
        outside = (np.abs(self.scaler.inputs(inputs)) > 1.0 + _EDGE).any(axis=1)
        for name, (edges, _) in self.card.profile.items():
            values = inputs[:, self.card.inputs.index(name)]
            outside |= (values < edges[0] * (1 - _EDGE)) | (values >= edges[-1] * (1 + _EDGE))
        return np.asarray(outside)

    def predict(self, inputs: Floats) -> Floats:
        """Connections for each row ``[n, n_inputs]``, shape ``[n]``; NaN where an input is NaN."""
        if isinstance(self.network, Linear):
            return self.network.run(inputs)
        return self.scaler.unscaled(self.network.run(self.scaler.inputs(inputs)))


def shapes_of(units: int, n_inputs: int = len(INPUTS)) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a network."""
    gates = 4 * units
    return dict(zip(NAMES, ((n_inputs, gates), (units, gates), (gates,), (units, 1), (1,)), strict=True))


def _sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """As ``1 / (1 + exp(-x))``, without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)
