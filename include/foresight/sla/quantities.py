"""Numbers for people: three digits, a prefix, and the unit that a metric's name ends with."""

from __future__ import annotations

from typing import Final

_PREFIXES: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_UNITS: Final = {"bytes": "B", "seconds": "s", "celsius": "°C", "volts": "V", "meters": "m", "joules": "J"}
_EXACT: Final = 10_000
"""Whole numbers below it are written out."""


def quantity(value: float, metric: str) -> str:
    """``12.3 GB`` for ``node_memory_MemFree_bytes`` (Prometheus names a metric after its base unit)."""
    number, prefix = _scaled(value, _scale(value))
    return f"{number} {prefix}{_unit(metric)}".rstrip()


def between(lower: float | None, upper: float | None, metric: str) -> str:
    """Bounds as ``9.88…30 GB``, ``≥ 5`` or ``≤ 7960``; both in the prefix of the larger one."""
    if lower is None or upper is None:
        bound, sign = (upper, "≤") if lower is None else (lower, "≥")
        return f"{sign} {quantity(bound, metric)}" if bound is not None else "–"
    scale = max(_scale(lower), _scale(upper))
    (low, prefix), (high, _) = _scaled(lower, scale), _scaled(upper, scale)
    return f"{low}…{high} {prefix}{_unit(metric)}".rstrip()


def _scale(value: float) -> float:
    size = abs(value)
    if size < _EXACT and float(value).is_integer():
        return 1.0
    return next((scale for scale, _ in _PREFIXES if size >= scale), 1.0)


def _scaled(value: float, scale: float) -> tuple[str, str]:
    if scale == 1.0 and float(value).is_integer():
        return f"{value:.0f}", ""
    prefix = dict(_PREFIXES).get(scale, "")
    return f"{value / scale:.3g}", prefix


def _unit(metric: str) -> str:
    parts = metric.removesuffix("_total").rsplit("_", 1)
    return _UNITS.get(parts[-1], "")
