"""Calibrators: how signals and context become one probability.

The shipped one is a small network whose weights on signals are never negative (Sill 1998, "Monotonic
networks"), so its probability rises with every signal: it never rises when a bound is widened and never falls
with the horizon. It is read from an array file; nothing but NumPy is needed to use it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Matrix
from foresight.forecasting.features import CONTEXT, SHARES, SIGNALS, Features

Weights = NDArray[np.float64]
"""Stored in single precision; used in double, whose products treat all rows alike."""
SHIPPED = "calibrator-1.npz"
FORMAT = 1
BATCH = 64
"""Sides that are worked on together."""
SURE = 9.2
"""The log odds are kept within ± this: nothing is impossible (1 in 10,000) and nothing certain."""


class CalibratorError(ValueError):
    """A calibrator file that cannot be used."""


class Calibrator(Protocol):
    """How features become probabilities; it must rise with every signal."""

    @property
    def version(self) -> str:
        """Stored with every probability made by it."""

    @property
    def ordinary(self) -> Matrix:
        """The signals of an ordinary side, ``[n_signals]``: explanations compare with them."""

    def log_odds(self, features: Features) -> Matrix:
        """Log odds that a side is left within each number of steps, ``[n_sides, n_steps]``."""


class Untrained:
    """The weighted mean of three views: the fall-back where no calibrator can be used."""

    version = "untrained"
    weights: ClassVar = {"paths": 0.45, "alike": 0.45, "climate": 0.1}
    ordinary = np.full(len(SIGNALS), -4.0)

    def log_odds(self, features: Features) -> Matrix:
        """The log odds of the mean."""
        odds = {name: features.signals[:, :, SHARES.index(name)] for name in self.weights}
        mean = sum(weight * expit(odds[name]) for name, weight in self.weights.items())
        return np.asarray(np.clip(np.log(mean / (1.0 - mean)), -SURE, SURE))


UNTRAINED = Untrained()


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Weights of the shipped calibrator; each ``rise_*`` array has no negative value."""

    version: str
    signal_mean: Weights
    signal_scale: Weights
    context_mean: Weights
    context_scale: Weights
    trunk: Weights
    trunk_bias: Weights
    gate: Weights
    gate_bias: Weights
    rise_1: Weights
    shift_1: Weights
    shift_1_bias: Weights
    rise_2: Weights
    shift_2: Weights
    shift_2_bias: Weights
    rise_out: Weights
    rise_skip: Weights
    out: Weights
    out_bias: Weights

    @property
    def ordinary(self) -> Matrix:
        """The mean over the training data."""
        return self.signal_mean.astype(np.float64)

    def log_odds(self, features: Features) -> Matrix:
        """Log odds, ``[n_sides, n_steps]``.

        Sides are worked on in batches of one size, the last one padded: so each meets the same machine code
        whatever its neighbours.
        """
        n, n_steps, _ = features.signals.shape
        result = np.empty((n, n_steps))
        for start in range(0, n, BATCH):
            some = slice(start, start + BATCH)
            signals, context = _padded(features.signals[some]), _padded(features.context[some])
            result[some] = self._batch(signals, context)[: n - start]
        return np.clip(result, -SURE, SURE, out=result)

    def _batch(self, signals: Matrix, context: Matrix) -> Weights:
        """Log odds of one batch, not limited."""
        shape = signals.shape
        trunk = tanh((context - self.context_mean) / self.context_scale @ self.trunk + self.trunk_bias)
        # The gates and the scales of the signals in one: both are factors of the same numbers.
        gate = softplus(trunk @ self.gate + self.gate_bias) / self.signal_scale
        gated = signals - self.signal_mean
        gated *= gate[:, None]
        rows = gated.reshape(-1, shape[2])

        def layer(rows: Weights, rise: Weights, shift: Weights) -> Weights:
            hidden = (rows @ rise).reshape(*shape[:2], -1)
            hidden += shift[:, None]
            return tanh(hidden).reshape(len(rows), -1)

        hidden = layer(rows, self.rise_1, trunk @ self.shift_1 + self.shift_1_bias)
        hidden = layer(hidden, self.rise_2, trunk @ self.shift_2 + self.shift_2_bias)
        logit = np.vecdot(hidden, self.rise_out[:, 0]) + np.vecdot(rows, self.rise_skip[:, 0])
        logit = logit.reshape(shape[:2]) + (np.vecdot(trunk, self.out[:, 0]) + self.out_bias)[:, None]
        return np.asarray(logit)

    @classmethod
    def read(cls, content: bytes) -> Network:
        """A network from the bytes of its file; raises ``CalibratorError`` if they are not one of ours."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays: dict[str, Any] = dict(file)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise CalibratorError(f"the calibrator file cannot be read, it may be cut: {error}") from error
        found = int(arrays.pop("format", -1))
        names = [str(name) for name in arrays.pop("features", [])]
        if found != FORMAT or names != [*SIGNALS, *CONTEXT]:
            raise CalibratorError(
                f"the calibrator file has format {found} and {len(names)} features; "
                f"allowed: format {FORMAT} and the {len(SIGNALS) + len(CONTEXT)} features of this release"
            )
        wanted = [field.name for field in fields(cls) if field.name != "version"]
        if sorted(arrays) != sorted(wanted):
            raise CalibratorError(f"the calibrator file holds {sorted(arrays)}; allowed: {sorted(wanted)}")
        if any((arrays[name] < 0).any() for name in wanted if name.startswith("rise_")):
            raise CalibratorError("the calibrator file has a negative weight on a signal: not monotone")
        version = "shipped-" + hashlib.sha256(content).hexdigest()[:8]
        return cls(version, **{name: arrays[name].astype(np.float64) for name in wanted})

    def write(self) -> bytes:
        """The bytes of its file: the same for the same weights."""
        arrays: dict[str, Any] = {
            field.name: np.asarray(getattr(self, field.name), dtype=np.float32)
            for field in fields(self)
            if field.name != "version"
        }
        arrays |= {"format": np.array(FORMAT), "features": np.array([*SIGNALS, *CONTEXT])}
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                member = io.BytesIO()
                np.save(member, array)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", (2026, 1, 1, 0, 0, 0)), member.getvalue())
        return content.getvalue()


def _padded(some: Matrix) -> Matrix:
    """The rows of one batch, filled up with zeros."""
    if len(some) == BATCH:
        return some
    whole = np.zeros((BATCH, *some.shape[1:]))
    whole[: len(some)] = some
    return whole


@cache
def shipped() -> Network:
    """The calibrator that comes with the package."""
    return Network.read((files("foresight.forecasting") / SHIPPED).read_bytes())


def tanh(values: Matrix) -> Matrix:
    """The hyperbolic tangent, in place of ``values``: by the exponential, at half the time of NumPy's own."""
    np.multiply(values, -2.0, out=values)
    np.minimum(values, 700.0, out=values)  # beyond it the answer is -1, and the exponential overflows
    np.exp(values, out=values)
    values += 1.0
    np.divide(2.0, values, out=values)
    values -= 1.0
    return values


def softplus(values: Matrix) -> Matrix:
    """``log(1 + exp(values))``."""
    return np.asarray(np.logaddexp(values, 0.0))


def expit(odds: Matrix) -> Matrix:
    """The probability of log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))
