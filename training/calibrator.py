"""Makes the calibrator that the package ships, from public recordings and drawn scenarios.

    python -m training.calibrator [--epochs 18] [--out FILE]

The same seed on the same machine with the same locked packages gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import foresight.forecasting
from foresight.forecasting.calibrator import SHIPPED, Network
from foresight.forecasting.features import SIGNALS
from training.kinds import KINDS, draw
from training.recordings import fixed_bounds, read_families
from training.sides import AHEAD, N_SLOTS, Examples, Sides, examples_of

Array = NDArray[np.float64]
SEED, N_SCENARIOS = 20261201, 75_000
EVERY = {"smd": 97, "asd": 29, "ms-cloud": 41, "nab": 23}
"""Slots between the origins of a family: prime, so that no phase is preferred."""
SHARE = {"asd": 0.12, "ms-cloud": 0.08, "nab": 0.08, "scenarios": 0.16}
"""What these weigh in training; the servers share the rest."""
WINDOW_QUANTILES = ((1.0, 0.9), (1.0, 0.95), (1.0, 0.99), (-1.0, 0.05), (-1.0, 0.01))
WINDOW_SHARE = 0.4
"""The share of windows that also get bounds at quantiles of their own."""


def main() -> None:
    """Train on everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=18)
    folder = Path(foresight.forecasting.__file__).parent
    parser.add_argument("--out", type=Path, default=folder / SHIPPED)
    given = parser.parse_args()
    network = train_without((), given.epochs)
    given.out.write_bytes(network.write())
    print(f"{given.out}: {given.out.stat().st_size:,} bytes, {Network.read(given.out.read_bytes()).version}")


def train_without(families: Sequence[str], epochs: int, blind: tuple[str, ...] = ()) -> Network:
    """A calibrator that has seen nothing of these ``families``, and is ``blind`` to some signals."""
    from training.network import train  # TensorFlow takes seconds to import

    parts = {name: part for name, part in all_examples().items() if name not in families}
    for part in parts.values() if blind else ():
        part.signals[:, :, [SIGNALS.index(name) for name in blind]] = 0.0
    return train(Examples.join(list(parts.values())), weights_of(parts), SEED, epochs)


def weights_of(parts: dict[str, Examples]) -> NDArray[np.float32]:
    """The weight of each example; their mean is 1."""
    servers = [name for name in parts if name not in SHARE]
    rest = 1.0 - sum(SHARE[name] for name in parts if name in SHARE)
    weights = [
        np.full(len(part.left), SHARE.get(name, rest / max(len(servers), 1)) / len(part.left))
        for name, part in parts.items()
    ]
    weight = np.concatenate(weights)
    return np.asarray(weight / weight.mean(), dtype=np.float32)


@cache
def all_examples() -> dict[str, Examples]:
    """The examples of every family, and of the scenarios."""
    with threadpool_limits(1):
        found = {name: _of_family(name, series) for name, series in read_families().items()}
        return found | {"scenarios": _of_scenarios()}


def _of_family(name: str, series: list[Array]) -> Examples:
    rng = np.random.default_rng([SEED, len(name)])
    every = EVERY[name.split(":")[0]]
    return Examples.join([_of_series(values, every, number, rng) for number, values in enumerate(series)])


def _of_series(values: Array, every: int, number: int, rng: np.random.Generator) -> Examples:
    """Windows ``every`` slots apart, against bounds fixed before and against some of their own."""
    start = N_SLOTS + int(rng.integers(every))
    origins = np.arange(start, len(values) - AHEAD, every)
    past = np.stack([values[origin - N_SLOTS : origin] for origin in origins])
    future = np.stack([values[origin : origin + AHEAD] for origin in origins])
    pairs = [
        (sign, np.full(len(past), bound))
        for low, high in fixed_bounds(values)
        for sign, bound in ((1.0, high), (-1.0, low))
        if np.isfinite(bound)
    ]
    chosen = [np.ones(len(past), dtype=np.bool_)] * len(pairs)
    for sign, level in WINDOW_QUANTILES:
        pairs.append((sign, np.nanquantile(past, level, axis=1)))
        chosen.append(rng.random(len(past)) < WINDOW_SHARE)
    moving = np.nanmax(past, axis=1) > np.nanmin(past, axis=1)
    rows, signs, bounds = [], [], []
    for (sign, bound), some in zip(pairs, chosen, strict=True):
        inside = np.flatnonzero(some & moving & (sign * past[:, -1] <= sign * bound))
        rows.append(inside)
        signs.append(np.full(len(inside), sign))
        bounds.append(bound[inside])
    sides = Sides(np.concatenate(rows), np.concatenate(signs), np.concatenate(bounds))
    return examples_of(past, future, sides, np.full(len(past), number))


def _of_scenarios() -> Examples:
    rng = np.random.default_rng([SEED, 0])
    sign = np.where(rng.random(N_SCENARIOS) < 0.5, 1.0, -1.0)
    series, bound = np.empty((N_SCENARIOS, N_SLOTS + AHEAD)), np.empty(N_SCENARIOS)
    kinds = np.arange(N_SCENARIOS) % len(KINDS)
    for at, kind in enumerate(kinds):
        series[at], bound[at] = draw(KINDS[kind], rng)
    series *= sign[:, None]
    sides = Sides(np.arange(N_SCENARIOS), sign, sign * bound)
    return examples_of(series[:, :N_SLOTS], series[:, N_SLOTS:], sides, kinds)


if __name__ == "__main__":
    main()
