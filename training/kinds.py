"""Kinds of series that every SRE knows, drawn at random: they teach what recordings show too rarely.

Every kind draws one series of ``N_SLOTS + AHEAD`` slots around a bound; what is not said is drawn widely.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.sides import AHEAD, N_SLOTS

Array = NDArray[np.float64]
Draw = tuple[Array, float]
"""A series and its upper bound."""
LENGTH, NOW = N_SLOTS + AHEAD, N_SLOTS - 1
SLOTS = np.arange(LENGTH, dtype=np.float64)


def _noise(rng: np.random.Generator) -> Array:
    """Standard noise: white, or with memory, or with heavy tails."""
    white = rng.standard_normal(LENGTH)
    if (kind := rng.random()) < 0.6:
        return white
    if kind < 0.8:
        return _with_memory(white, rng.uniform(0.3, 0.95))
    return rng.standard_t(3, LENGTH) / 1.7


def _with_memory(white: Array, phi: float) -> Array:
    result = np.empty_like(white)
    state = white[0]
    for slot, shock in enumerate(white):
        state = phi * state + (1 - phi * phi) ** 0.5 * shock
        result[slot] = state
    return result


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def ramp(rng: np.random.Generator) -> Draw:
    """A line that began at any time and reaches the bound in up to 40 minutes, or has just been cut."""
    began = 0 if rng.random() < 0.4 else NOW - int(_log_uniform(rng, 8, 400))
    reach = rng.uniform(0.2, 40) if rng.random() < 0.8 else rng.uniform(40, 300)
    rise = np.maximum(SLOTS - began, 0.0)
    return rise + _log_uniform(rng, 0.01, 3) * _noise(rng), NOW - began + reach


def ramp_that_ends(rng: np.random.Generator) -> Draw:
    """A line that stops, or falls back, at a random moment around now."""
    length, since = _log_uniform(rng, 5, 700), _log_uniform(rng, 3, 90) if rng.random() < 0.95 else -10.0
    began = NOW - since - length
    rise = np.clip(SLOTS - began, 0.0, length)
    if rng.random() < 0.5:
        rise = np.where(began + length < SLOTS, 0.0, rise)
    return rise + _log_uniform(rng, 0.02, 3) * _noise(rng), min(NOW - began, length) + rng.uniform(0.5, 30)


def counter(rng: np.random.Generator) -> Draw:
    """A sum of positive steps on its way to a bound."""
    rate = _log_uniform(rng, 0.3, 300)
    steps = rng.poisson(rate, LENGTH) if rng.random() < 0.6 else rng.exponential(rate, LENGTH)
    series = np.cumsum(steps).astype(np.float64)
    return series, series[NOW] + rate * rng.uniform(0.2, 40)


def bend(rng: np.random.Generator) -> Draw:
    """Growth that flattens out below or above the bound, or gathers speed."""
    tau = _log_uniform(rng, 20, 400)
    flattens = rng.random() < 0.6
    curve = 1 - np.exp(-SLOTS / tau) if flattens else np.exp((SLOTS - NOW) / tau)
    curve = curve / max(np.ptp(curve[: NOW + 1]), 1e-9) * 100
    bound = curve[NOW] + (curve[NOW] - curve[NOW - 10]) * rng.uniform(0.05, 4)
    if flattens and rng.random() < 0.4:
        bound = max(curve[-1], bound) + rng.uniform(0, 1)
    return curve + _log_uniform(rng, 0.005, 1) * _noise(rng), bound


def wave(rng: np.random.Generator) -> Draw:
    """A sine of 20 minutes to a day."""
    period, phase = _log_uniform(rng, 20, 1800), rng.uniform(0, 2 * np.pi)
    series = 100 * np.sin(2 * np.pi * SLOTS / period + phase) + _log_uniform(rng, 0.3, 30) * _noise(rng)
    return series, rng.uniform(-60, 110)


def daily_upslope(rng: np.random.Generator) -> Draw:
    """The rising part of a daily course, with a bound that it reaches in an hour at most."""
    phase = rng.uniform(-0.8, 1.4)
    course = 100 * np.sin(phase + 2 * np.pi * (SLOTS - NOW) / 1440)
    ahead = int(rng.integers(1, AHEAD))
    return course + _log_uniform(rng, 0.1, 5) * _noise(rng), course[NOW + ahead]


def spikes(rng: np.random.Generator) -> Draw:
    """A job that runs every so many minutes, sometimes late, sometimes not at all."""
    period, width = int(rng.integers(8, 200)), int(rng.integers(1, 6))
    jitter = int(rng.integers(0, 4)) if rng.random() < 0.5 else 0
    present = 1.0 if rng.random() < 0.7 else rng.uniform(0.5, 1)
    height = rng.uniform(4, 60)
    series = _noise(rng)
    for start in range(int(rng.integers(-period, 0)), LENGTH, period):
        at = start + (int(rng.integers(-jitter, jitter + 1)) if jitter else 0)
        if rng.random() < present:
            here = slice(max(at, 0), max(at + width, 0))
            series[here] += height * (1 + 0.1 * rng.standard_normal(len(series[here])))
    return series, height * rng.uniform(0.4, 0.9)


def duty_cycle(rng: np.random.Generator) -> Draw:
    """On for a while, off for a while, on the minute."""
    on, off = rng.integers(2, 90, 2)
    is_on = (SLOTS + rng.integers(0, on + off)) % (on + off) < on
    height = rng.uniform(5, 80)
    return height * is_on + _noise(rng), height * rng.uniform(0.3, 0.8)


def flapping(rng: np.random.Generator) -> Draw:
    """Two levels, with waiting times that have no memory."""
    mean_on, mean_off = _log_uniform(rng, 1, 60), _log_uniform(rng, 3, 200)
    flips, state = np.zeros(LENGTH), rng.random() < mean_on / (mean_on + mean_off)
    for slot in range(LENGTH):
        flips[slot] = state
        if rng.random() < 1 / (mean_on if state else mean_off):
            state = not state
    height = rng.uniform(5, 60)
    return height * flips + _noise(rng), height * rng.uniform(0.2, 0.8)


def incident(rng: np.random.Generator) -> Draw:
    """One incident that ended some minutes ago and does not come back."""
    ended, length = int(_log_uniform(rng, 1, 120)), int(rng.integers(3, 240))
    height = rng.uniform(6, 60)
    series = _noise(rng)
    series[NOW + 1 - ended - length : NOW + 1 - ended] += height
    return series, max(height * rng.uniform(0.3, 0.7), 5.0)


def pinned(rng: np.random.Generator) -> Draw:
    """Saturated at a ceiling now or often; the bound is the ceiling, or lies about it."""
    series = 60 + rng.uniform(2, 20) * _noise(rng)
    if rng.random() < 0.6:
        series[NOW + 1 - int(rng.integers(3, 240)) :] += 90
    else:
        series += 25 * _with_memory(rng.standard_normal(LENGTH), 0.97)
    series = np.minimum(series, 100.0)
    return series, 100.0 if rng.random() < 0.7 else float(rng.uniform(90, 101))


def stationary(rng: np.random.Generator) -> Draw:
    """Noise around a level; the bound at any height."""
    series = _noise(rng)
    return series, float(np.quantile(series, 1 - _log_uniform(rng, 0.0005, 0.2)))


def walk(rng: np.random.Generator) -> Draw:
    """A random walk, with or without drift."""
    series = np.cumsum(_noise(rng) + (rng.normal(0, 0.3) if rng.random() < 0.4 else 0))
    return series, series[NOW] + _log_uniform(rng, 0.5, 20)


def rare_spikes(rng: np.random.Generator) -> Draw:
    """Spikes that come at any time, or came only once, or never yet."""
    series, height = _noise(rng), rng.uniform(8, 60)
    wait = _log_uniform(rng, 15, 3000)
    series += height * (rng.random(LENGTH) < 1 / wait)
    return series, height * 0.6


def sawtooth(rng: np.random.Generator) -> Draw:
    """A leak that is collected: rises to its top and drops; the bound is above the top, or just below it."""
    period, phase = int(rng.integers(15, 300)), rng.integers(0, 300)
    top = 100.0
    tooth = (SLOTS + phase) % period / period * top
    noise = _log_uniform(rng, 0.1, 4)
    bound = top + 5 * noise if rng.random() < 0.6 else top * rng.uniform(0.7, 0.98)
    return tooth + noise * _noise(rng), float(bound)


def bursts(rng: np.random.Generator) -> Draw:
    """Quiet and loud times."""
    loudness = np.exp(1.2 * _with_memory(rng.standard_normal(LENGTH), 0.97))
    series = loudness * rng.standard_normal(LENGTH)
    return series, float(np.quantile(series, rng.uniform(0.9, 0.999)))


def volatility_shift(rng: np.random.Generator) -> Draw:
    """Louder or quieter since some minutes or hours."""
    before, after = _log_uniform(rng, 0.1, 5), _log_uniform(rng, 0.1, 5)
    loudness = np.where(NOW - _log_uniform(rng, 5, 200) < SLOTS, after, before)
    series = loudness * _noise(rng)
    return series, after * rng.uniform(0.8, 3.5)


def stairs(rng: np.random.Generator) -> Draw:
    """Steps up that come on the minute or at random, and may end."""
    wait, size = int(rng.integers(2, 40)), _log_uniform(rng, 0.5, 3)
    if rng.random() < 0.5:
        series = np.floor((SLOTS + rng.integers(0, wait)) / wait)
    else:
        series = np.cumsum(rng.random(LENGTH) < 1 / wait).astype(np.float64)
    bound = series[NOW] + rng.integers(0, 6) + rng.choice([0.0, 0.5])
    return series * size + _log_uniform(rng, 0.001, 0.1) * rng.standard_normal(
        LENGTH
    ), bound * size + 0.2 * size


def shift(rng: np.random.Generator) -> Draw:
    """A new level since some minutes, inside still; or an old one that was outside all the time before."""
    since, size = int(rng.integers(1, 240)), rng.uniform(-40, 40)
    series = _noise(rng) + size * (NOW - since < SLOTS)
    return series, size + rng.uniform(1.5, 30)


KINDS: tuple[Callable[[np.random.Generator], Draw], ...] = (
    ramp, ramp, ramp_that_ends, ramp_that_ends, counter, bend, wave, daily_upslope, spikes, spikes,
    duty_cycle, flapping, flapping, flapping, incident, incident, incident, pinned, stationary, walk, walk,
    rare_spikes, sawtooth, bursts, volatility_shift, volatility_shift, stairs, shift,
)  # fmt: skip


def draw(kind: Callable[[np.random.Generator], Draw], rng: np.random.Generator) -> Draw:
    """A draw whose newest observed sample is inside; some are coarse, or have holes, or come late."""
    for _ in range(50):
        series, bound = kind(rng)
        if rng.random() < 0.15:
            grain = np.ptp(series[:N_SLOTS]) / rng.integers(20, 400) or 1.0
            series = np.round(series / grain) * grain
        if rng.random() < 0.1:
            series[np.flatnonzero(rng.random(N_SLOTS) < rng.uniform(0.01, 0.3))] = np.nan
        if rng.random() < 0.15:
            series[N_SLOTS - int(rng.integers(1, 10)) : N_SLOTS] = np.nan
        seen = series[:N_SLOTS][np.isfinite(series[:N_SLOTS])]
        if seen[-1] <= bound and np.ptp(seen) > 0:
            return series, bound
    return draw(stationary, rng)
