"""Trains the monotone network of :mod:`foresight.forecasting.calibrator` with Keras."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from foresight.forecasting.calibrator import Network
from foresight.forecasting.features import CONTEXT, SIGNALS
from training.sides import STEPS, Examples

TRUNK, FIRST, SECOND = 40, 40, 20
BATCH, RATE = 1024, 4e-3
WEIGHTS = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 1.0, 0.4, 0.4], dtype=np.float32)
"""How much the outcome within each of ``STEPS`` counts: ten slots the most."""


def train(examples: Examples, weight: NDArray[np.float32], seed: int, epochs: int) -> Network:
    """The network that fits the examples best, each of them counting ``weight[n]``."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    signal_mean, signal_scale = moments(examples.signals.reshape(-1, len(SIGNALS)))
    context_mean, context_scale = moments(examples.context)
    signals = (examples.signals - signal_mean) / signal_scale
    context = (examples.context - context_mean) / context_scale
    model = build()
    steps = -(-len(context) // BATCH) * epochs
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)), loss=_loss)
    model.fit(
        [context, signals], examples.left.astype(np.float32), sample_weight=weight,
        batch_size=BATCH, epochs=epochs, verbose=0,
    )  # fmt: skip
    parts = {layer.name: [np.asarray(part) for part in layer.get_weights()] for layer in model.layers}
    named = {name: part[0] for name, part in parts.items() if part}
    named |= {f"{name}_bias": part[1] for name, part in parts.items() if len(part) > 1}
    return Network(
        "trained", signal_mean=signal_mean, signal_scale=signal_scale,
        context_mean=context_mean, context_scale=context_scale, **named,
    )  # fmt: skip


def moments(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each column."""
    mean, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.maximum(scale, 1e-3).astype(np.float32)


def build() -> keras.Model:
    """The untrained model: layers bear the names of the network's arrays."""
    rising = keras.constraints.NonNeg()
    context, signals = keras.Input((len(CONTEXT),)), keras.Input((len(STEPS), len(SIGNALS)))

    def each_step(part: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Reshape((1, part.shape[-1]))(part)

    def rise(units: int, name: str) -> layers.Dense:
        start = keras.initializers.RandomUniform(0.0, 0.15)
        return layers.Dense(
            units, use_bias=False, kernel_constraint=rising, kernel_initializer=start, name=name
        )

    trunk = layers.Dense(TRUNK, "tanh", name="trunk", kernel_regularizer=keras.regularizers.L2(1e-5))(context)
    gate = layers.Dense(len(SIGNALS), "softplus", name="gate")(trunk)
    gated = layers.Multiply()([signals, each_step(gate)])
    hidden = layers.Activation("tanh")(
        layers.Add()([rise(FIRST, "rise_1")(gated), each_step(layers.Dense(FIRST, name="shift_1")(trunk))])
    )
    hidden = layers.Activation("tanh")(
        layers.Add()([rise(SECOND, "rise_2")(hidden), each_step(layers.Dense(SECOND, name="shift_2")(trunk))])
    )
    logit = layers.Add()(
        [
            rise(1, "rise_out")(hidden),
            rise(1, "rise_skip")(gated),
            each_step(layers.Dense(1, name="out", bias_initializer=keras.initializers.Constant(-2.5))(trunk)),
        ]
    )
    return keras.Model([context, signals], layers.Flatten()(logit))


def _loss(left: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
    """Weighted log loss over the steps."""
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=left, logits=logit)
    return tf.reduce_sum(each * WEIGHTS, axis=1) / float(WEIGHTS.sum())
