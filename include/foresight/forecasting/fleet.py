"""A fleet's own calibrator: the shipped one corrected, or in the mean with a model of the fleet.

The model of the fleet is additive: gradient-boosted trees of one split each (Friedman 2001), which add up to
one step function a feature. It reads the shipped log odds as a feature and rises with them and with every
signal, so that the mean of the two stays monotone in bounds and horizon. It is kept as plain numbers: nothing
but NumPy is needed to use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Matrix, Vector
from foresight.forecasting.calibrator import SURE, Calibrator, CalibratorError, Network
from foresight.forecasting.features import CONTEXT, SIGNALS, Features
from foresight.forecasting.refit import NO_CORRECTION, Correction, mix

FORMAT = 1
N_TREES, RATE, LEAST_IN_LEAF = 200, 0.08, 40
INPUTS = ("shipped", *SIGNALS, *CONTEXT)
"""What the model of a fleet reads of a side, within one number of steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """One step function an input, added up to log odds."""

    base: float
    edges: Mapping[int, Vector]
    """By place in :data:`INPUTS`, where its steps are, ascending."""
    steps: Mapping[int, Vector]
    """Its values below, between and above the edges."""

    def log_odds(self, inputs: Matrix) -> Vector:
        """The log odds of ``inputs[n, len(INPUTS)]``."""
        return self.base + self.share_of(inputs)

    def share_of(self, inputs: Matrix, first: int = 0) -> Vector:
        """What some inputs, those from place ``first`` on, add to the log odds."""
        total = np.zeros(len(inputs))
        for at in sorted(self.edges):
            if first <= at < first + inputs.shape[1]:
                place = np.searchsorted(self.edges[at], inputs[:, at - first], side="left")
                total += self.steps[at][place]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class FleetCalibrator:
    """A :class:`~foresight.forecasting.calibrator.Calibrator` that outcomes of a fleet have changed."""

    shipped: Network
    correction: Correction = NO_CORRECTION
    curves: Curves | None = None

    @property
    def version(self) -> str:
        """A hash of all its numbers."""
        text = orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)
        return "fleet-" + hashlib.sha256(text).hexdigest()[:8]

    @property
    def ordinary(self) -> Matrix:
        """As the shipped one has it."""
        return self.shipped.ordinary

    def log_odds(self, features: Features) -> Matrix:
        """Log odds that a side is left within each number of steps, ``[n_sides, n_steps]``."""
        odds = self.shipped.log_odds(features)
        found = self.correction.apply(odds)
        if self.curves is not None:
            n, n_steps, _ = features.signals.shape
            moving = np.column_stack([odds.ravel(), features.signals.reshape(n * n_steps, -1)])
            fleet = self.curves.share_of(moving).reshape(n, n_steps)
            # The context is that of all steps.
            still = self.curves.base + self.curves.share_of(features.context, moving.shape[1])
            found = mix(found, fleet + still[:, None])
        return np.asarray(np.clip(found, -SURE, SURE))

    def document(self) -> dict[str, Any]:
        """Everything but the shipped network, as JSON values."""
        found: dict[str, Any] = {
            "format": FORMAT, "shipped": self.shipped.version, "inputs": list(INPUTS),
            "slope": self.correction.slope, "intercept": self.correction.intercept,
        }  # fmt: skip
        if self.curves is not None:
            curves = self.curves
            found |= {
                "base": curves.base,
                "edges": {INPUTS[at]: edges.tolist() for at, edges in sorted(curves.edges.items())},
                "steps": {INPUTS[at]: steps.tolist() for at, steps in sorted(curves.steps.items())},
            }
        return found

    @classmethod
    def from_document(cls, document: Mapping[str, Any], shipped: Network) -> FleetCalibrator:
        """The calibrator of a stored document; raises ``CalibratorError`` where it cannot be used."""
        wanted = {"format": FORMAT, "shipped": shipped.version, "inputs": list(INPUTS)}
        for name, allowed in wanted.items():
            if document.get(name) != allowed:
                raise CalibratorError(
                    f"the stored calibrator has another {name} than this release: it is refitted from here on"
                )
        try:
            correction = Correction(float(document["slope"]), float(document["intercept"]))
            curves = _curves(document) if "base" in document else None
        except (KeyError, TypeError, ValueError) as error:
            raise CalibratorError(f"the stored calibrator is not whole: {error!r}") from error
        if not (correction.slope >= 0 and np.isfinite([correction.slope, correction.intercept]).all()):
            raise CalibratorError("the stored calibrator has a slope below 0 or none: not monotone")
        return cls(shipped, correction, curves)


def _curves(document: Mapping[str, Any]) -> Curves:
    edges = {INPUTS.index(name): np.array(found, float) for name, found in document["edges"].items()}
    steps = {INPUTS.index(name): np.array(found, float) for name, found in document["steps"].items()}
    if edges.keys() != steps.keys():
        raise ValueError("edges and steps are of different inputs")
    for at, found in steps.items():
        if len(found) != len(edges[at]) + 1 or not np.isfinite(found).all():
            raise ValueError(f"the steps of {INPUTS[at]} do not fit its edges")
        if at <= len(SIGNALS) and (np.diff(found) < -1e-9).any():
            raise ValueError(f"the steps of {INPUTS[at]} fall: not monotone")
    return Curves(float(document["base"]), edges, steps)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Sides with what is known of them and what became of them; arrays of shape ``[n]``."""

    features: NDArray[np.float32]
    """``[n, len(SIGNALS) + len(CONTEXT)]``."""
    happened: Flags
    weight: Vector
    """How many sides each stands for."""
    as_of: NDArray[np.int64]
    series: NDArray[np.int64]
    """A number for each SLI and series."""

    def __len__(self) -> int:
        return len(self.happened)

    def take(self, chosen: Any) -> Sample:
        """Some of the sides."""
        return Sample(
            self.features[chosen], self.happened[chosen], self.weight[chosen], self.as_of[chosen],
            self.series[chosen],
        )  # fmt: skip


def odds_of(calibrator: Calibrator, features: NDArray[np.float32]) -> Vector:
    """The log odds that a calibrator gives to sides ``features[n, n_features]``."""
    n_signals, at_once = len(SIGNALS), 65_536
    parts = [np.empty(0)]
    for start in range(0, len(features), at_once):
        some = features[start : start + at_once].astype(np.float64)
        parts.append(calibrator.log_odds(Features(some[:, None, :n_signals], some[:, n_signals:]))[:, 0])
    return np.concatenate(parts)


def fit_curves(sample: Sample, shipped_odds: Vector, seed: int = 0) -> Curves:
    """The additive model of a fleet; scikit-learn grows its trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=N_TREES, learning_rate=RATE, max_leaf_nodes=2, min_samples_leaf=LEAST_IN_LEAF,
        l2_regularization=1.0, early_stopping=False, random_state=seed,
        monotonic_cst=[1] * (1 + len(SIGNALS)) + [0] * len(CONTEXT),
    )  # fmt: skip
    inputs = np.column_stack([shipped_odds.astype(np.float32), sample.features])
    model.fit(inputs, sample.happened, sample_weight=sample.weight)
    return _added_up(model)


def _added_up(model: Any) -> Curves:
    """The trees of one split each as one step function an input."""
    splits: dict[int, list[tuple[float, float, float]]] = {}
    base = float(np.ravel(model._baseline_prediction)[0])
    for (tree,) in model._predictors:
        nodes = tree.nodes
        if len(nodes) == 1:
            base += float(nodes[0]["value"])
            continue
        root = nodes[0]
        left, right = (float(nodes[root[side]]["value"]) for side in ("left", "right"))
        splits.setdefault(int(root["feature_idx"]), []).append((float(root["num_threshold"]), left, right))
    edges, steps = {}, {}
    for at, found in splits.items():
        threshold, below, above = np.array(found).T
        edges[at] = np.unique(threshold)
        # Between two edges, a tree gives its left value where its threshold is not below the upper one.
        upper = np.append(edges[at], np.inf)[:, None]
        steps[at] = np.where(threshold >= upper, below, above).sum(axis=1)
    return Curves(base, edges, steps)
