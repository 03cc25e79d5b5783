"""Training the reference network in Keras on TensorFlow, which are imported when something is trained."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foresight.slices.dataset import Dataset, Mask, Split
from foresight.slices.drift import profile
from foresight.slices.features import INPUTS, LONG_INPUTS
from foresight.slices.judgement import CONSTANT, IN_USE, Verdict, baselines, judge, simple_models
from foresight.slices.network import NAMES, Card, Model, Network, Scaler
from foresight.slices.targets import Floats

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Options:
    """How to train. The learning rate falls along a cosine from ``learning_rate`` to a thousandth of it.

    ``patience``: epochs without a better validation loss before training ends. ``max_rows``: of more training
    rows a random part is taken.
    """

    units: int = 20
    epochs: int = 60
    batch: int = 512
    learning_rate: float = 0.01
    patience: int = 20
    seed: int = 1
    max_rows: int = 500_000
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("units", "epochs", "batch", "patience", "max_rows", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"learning_rate must lie in (0, 1], got {self.learning_rate}")


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, the loss of each epoch on training and validation rows, and how it was judged."""

    model: Model
    losses: NDArray[np.float64]
    verdict: Verdict
    answers: dict[str, Floats]


def train(data: Dataset, split: Split, options: Options = Options(), in_use: Model | None = None) -> Trained:
    """Train on ``split.train``, stop by ``split.validation``, judge on ``split.test``.

    The scaler is fitted on training rows. The same seed, rows and threads give the same model. Where a simple
    rival is at least as good as the network and better than what is in use, the answer is that rival.
    """
    rows, wanted = _sampled(data, split.train, options)
    if not len(rows) or not split.validation.any():
        raise ValueError("there is no usable window to train on, or none to stop by")
    scaler = Scaler.fitted(rows, wanted)
    checks = scaler.inputs(data.rows[split.validation]), scaler.answers(data.answers[split.validation])
    network, losses = fit(scaler.inputs(rows), scaler.answers(wanted), *checks, options)
    seen = data.starts[split.train.any(axis=0)]
    card = Card(
        target=data.target,
        training_range=(int(seen[0]), int(seen[-1])),
        data_sha256=data.sha256(split.train),
        versions={name: version(name) for name in ("keras", "numpy", "tensorflow")},
        failure_bound=data.failure_bound,
        seed=options.seed,
        profile=profile(rows),
        inputs=data.names,
    )
    trained = judged(Model(network, scaler, card), data, split, losses, in_use)
    if trained.verdict.is_promoted:
        return trained
    rival = _best_rival(trained, data, split, in_use)
    return rival if rival is not None and rival.verdict.is_promoted else trained


def _best_rival(trained: Trained, data: Dataset, split: Split, in_use: Model | None) -> Trained | None:
    """The simple rival with the least error, judged as a candidate: the network is one of its rivals then."""
    errors = {rival.name: rival.score.rmse for rival in trained.verdict.rivals}
    simple = simple_models(data, split.train)
    named = [name for name in simple if name in errors]
    if not named:
        return None
    best = min(named, key=lambda name: errors[name])
    inputs = LONG_INPUTS if data.has_seasons else INPUTS
    card = replace(trained.model.card, source=best, metrics={}, inputs=inputs)
    model = Model(simple[best], trained.model.scaler, card)
    to_beat = ("configured", CONSTANT, IN_USE)
    return judged(model, data, split, trained.losses, in_use, {"network": trained.answers["model"]}, to_beat)


def judged(
    model: Model,
    data: Dataset,
    split: Split,
    losses: NDArray[np.float64] | None = None,
    in_use: Model | None = None,
    others: Mapping[str, Floats] | None = None,
    to_beat: Collection[str] | None = None,
) -> Trained:
    """A model with its verdict on ``split.test`` in its card; an imported one is judged the same way.

    ``others``: further rivals by name; ``to_beat``: see ``judge``.
    """
    tested = np.asarray(split.test.any(axis=0))
    held = np.where(split.test, data.answers, np.nan)[:, tested]
    mine = _answers(model, data, tested)
    found = {name: values[:, tested] for name, values in baselines(data, split.train).items()}
    rivals = {name: values for name, values in found.items() if not np.array_equal(values, mine, True)}
    rivals |= others or {}
    if in_use is not None:
        if in_use.card.target is not data.target:
            raise ValueError(f"the version in use answers {in_use.card.target}, this data asks {data.target}")
        rivals[IN_USE] = _answers(in_use, data, tested)
    verdict = judge(held, mine, rivals, model.card.seed, to_beat)
    score = verdict.score
    metrics = {"rmse": score.rmse, "rmse_low": score.low, "rmse_high": score.high}
    metrics |= {f"rmse_{rival.name}": rival.score.rmse for rival in verdict.rivals}
    finished = replace(model, card=replace(model.card, metrics=metrics))
    none = np.empty((0, 2)) if losses is None else losses
    return Trained(finished, none, verdict, {"answer": held, "model": mine, **rivals})


def fit(
    rows: Floats, wanted: Floats, check_rows: Floats, check_wanted: Floats, options: Options
) -> tuple[Network, NDArray[np.float64]]:
    """The network with the best validation loss on scaled rows, and the losses ``[n_epochs, 2]``."""
    import keras

    _few_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    network = build(options.units, rows.shape[1])
    steps = options.epochs * -(-len(rows) // options.batch)
    pace = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps, alpha=1e-3)
    compiled = len(rows) >= 50 * options.batch  # takes seconds: pays from about fifty steps an epoch
    network.compile(optimizer=keras.optimizers.Adam(pace), loss="mse", jit_compile=compiled)
    stop = keras.callbacks.EarlyStopping(patience=options.patience, restore_best_weights=True)
    passed = network.fit(
        _steps(rows),
        wanted.astype(np.float32),
        batch_size=options.batch,
        epochs=options.epochs,
        validation_data=(_steps(check_rows), check_wanted.astype(np.float32)),
        validation_batch_size=8192,
        callbacks=[stop],
        verbose=0,
    ).history
    return from_keras(network), np.column_stack([passed["loss"], passed["val_loss"]])


def build(units: int = 20, n_inputs: int = len(INPUTS)) -> keras.Model:
    """The reference network, untrained: one step of inputs, LSTM, one output."""
    import keras

    layers = keras.layers
    return keras.Sequential([keras.Input((1, n_inputs)), layers.LSTM(units), layers.Dense(1)])


def from_keras(network: keras.Model) -> Network:
    """The weights of a Keras LSTM + Dense for the light runtime."""
    weights = network.get_weights()
    if len(weights) != len(NAMES):
        raise ValueError(f"expected LSTM and Dense with {len(NAMES)} weights, got {len(weights)}")
    return Network(*weights)


def load_published(path: Path) -> keras.Model:
    """A Keras 2 model in Keras: its LSTM layers name an option that Keras 3 no longer knows."""
    import keras

    class PublishedLSTM(keras.layers.LSTM):  # type: ignore[misc] # Keras ships no types
        def __init__(self, *args: Any, time_major: bool = False, **options: Any) -> None:
            if time_major:
                raise ValueError("time_major networks are not supported")
            options.pop("input_shape", None)  # its Input layer says the same
            super().__init__(*args, **options)

    return keras.models.load_model(path, custom_objects={"LSTM": PublishedLSTM}, compile=False)


def _few_threads(threads: int) -> None:
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # TensorFlow runs already: its threads are what they are
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def _sampled(data: Dataset, mask: Mask, options: Options) -> tuple[Floats, Floats]:
    rows = np.flatnonzero(mask)
    if len(rows) > options.max_rows:
        rows = np.sort(np.random.default_rng(options.seed).choice(rows, options.max_rows, replace=False))
    index = np.unravel_index(rows, mask.shape)
    return data.rows[index], data.answers[index]


def _answers(model: Model, data: Dataset, tested: NDArray[np.bool_]) -> Floats:
    if model.is_seasonal and not data.has_seasons:
        raise ValueError("this model looks a week back: judge it on 14 days or more")
    inputs = data.inputs[:, tested, : len(model.card.inputs)]
    return model.predict(inputs.reshape(-1, inputs.shape[-1])).reshape(inputs.shape[:2])


def _steps(rows: Floats) -> NDArray[np.float32]:
    return np.ascontiguousarray(rows, np.float32)[:, None, :]
