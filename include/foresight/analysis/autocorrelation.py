"""Autocorrelation of every series, with Bartlett's confidence band, and the period it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.special import ndtri

from foresight.analysis.arrays import Integers, Matrix

PEAK = 0.3
"""A period needs at least this autocorrelation …"""
RISE = 0.15
"""… this much above the lowest autocorrelation at a shorter lag …"""
NEARLY = 0.9
"""… and the shortest such lag wins that has this share of the highest peak: the others are its multiples."""
BROAD = 1.25
"""Peaks up to this multiple of that lag belong to it, and the highest of them is the period."""
CYCLES = 3
"""A period is only looked for where the window shows this many of its cycles."""


@dataclass(frozen=True, slots=True, eq=False)
class Autocorrelation:
    """``values[:, k]`` belongs to ``lags[k]``; NaN for series without variance, and for lags
    that no two slots are apart."""

    lags: Integers
    """0, 1, … shape ``[n_lags + 1]``."""
    values: Matrix
    """``[n_series, n_lags + 1]``."""
    half_width: Matrix
    """The confidence band is ``values ± half_width`` (Bartlett; 0 at lag 0)."""


def autocorrelate(standard: Matrix, n_lags: int) -> Matrix:
    """Autocorrelation at lags 0..n_lags of rows with mean 0 and some variance, ``[n_series, n_lags + 1]``.

    The biased estimator, by fast Fourier transform; NaN for lags as long as the series or longer.
    """
    n_slots = standard.shape[1]
    length = _fast_length(n_slots + min(n_lags, n_slots - 1))
    spectrum = np.fft.rfft(standard, length)
    power = spectrum.real**2 + spectrum.imag**2
    # The power is real and even, so the way back is a cosine transform; its scale cancels below.
    covariance = dct(power, type=1)[:, : min(n_lags + 1, n_slots)]
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / covariance[:, :1]
    correlation[:, 0] = 1.0
    beyond = n_lags + 1 - correlation.shape[1]
    return np.pad(correlation, ((0, 0), (0, beyond)), constant_values=np.nan)


def bartlett_half_width(correlation: Matrix, n_slots: int, confidence: float) -> Matrix:
    """Half the width of the band: the variance at lag k is ``(1 + 2 sum of squares below k) / n_slots``."""
    variance = np.where(np.isnan(correlation), np.nan, 1.0 / n_slots)
    variance[:, 0] *= 0.0
    variance[:, 2:] *= 1.0 + 2.0 * np.cumsum(correlation[:, 1:-1] ** 2, axis=1)
    return np.asarray(ndtri(0.5 + confidence / 2.0) * np.sqrt(variance))


def longest_period(n_slots: int) -> int:
    """The longest period that is looked for in a window of ``n_slots``."""
    return n_slots // CYCLES


def find_period(correlation: Matrix) -> Integers:
    """The shortest lag with nearly the highest peak of ``correlation[n_series, n_lags + 1]``; 0: no peak."""
    inner = correlation[:, 1:-1]
    if inner.shape[1] == 0:
        return np.zeros(len(correlation), dtype=np.int64)
    lowest = np.minimum.accumulate(inner, axis=1)
    is_peak = (inner >= correlation[:, :-2]) & (inner > correlation[:, 2:])
    is_peak &= (inner >= PEAK) & (inner - lowest >= RISE)
    height = np.where(is_peak, inner, -np.inf)
    highest = height.max(axis=1, keepdims=True)
    lags = np.arange(1, inner.shape[1] + 1)
    first = lags[np.argmax(height >= NEARLY * highest, axis=1)]
    # Noise puts small peaks on the way up to the one that is meant.
    near = np.argmax(np.where(lags <= BROAD * first[:, None], height, -np.inf), axis=1)
    return np.where(np.isfinite(highest[:, 0]), lags[near], 0)


def _fast_length(least: int) -> int:
    """The smallest 2^a 3^b 5^c at or above ``least``, even: lengths that the transform is quick at."""
    odds = [int(5**five * 3**three) for five in range(6) for three in range(8)]
    # (q - 1).bit_length() is the power of two at or above q.
    return min(odd << max(1, (-(-least // odd) - 1).bit_length()) for odd in odds)
