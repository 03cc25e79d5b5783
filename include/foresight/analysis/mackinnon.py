"""MacKinnon's response surfaces for the Dickey-Fuller test with a constant, one variable.

The coefficients are read out of statsmodels' own table. Importing that module would import pandas and
scipy.stats, two seconds in each task, so its literals are read from its source instead.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from foresight.analysis.arrays import Integers, Matrix, Vector


class Surfaces(NamedTuple):
    """Polynomial coefficients, the constant term first."""

    lowest: float
    """Below this statistic p is 0 …"""
    highest: float
    """… and above this one it is 1."""
    split: float
    """Up to here ``small`` applies, above it ``large``."""
    small: Vector
    large: Vector
    critical: Matrix
    """``[3, 4]``: for 1, 5 and 10 %, in powers of 1 / observations."""


def p_value(statistic: Vector) -> Vector:
    """The approximate asymptotic p-value of each statistic (MacKinnon 1994); NaN stays NaN."""
    table = surfaces()
    inside = np.clip(statistic, table.lowest, table.highest)
    p = ndtr(
        np.where(inside <= table.split, _polynomial(table.small, inside), _polynomial(table.large, inside))
    )
    p = np.where(statistic > table.highest, 1.0, np.where(statistic < table.lowest, 0.0, p))
    return np.asarray(p, dtype=np.float64)


def critical_values(observations: Integers) -> Matrix:
    """Critical values at 1, 5 and 10 % for each number of observations (MacKinnon 2010), ``[n, 3]``."""
    inverse = 1.0 / np.where(observations > 0, observations, np.nan)
    return np.stack([_polynomial(surface, inverse) for surface in surfaces().critical], axis=1)


def _polynomial(coefficients: Vector, at: Vector) -> Vector:
    """Horner's rule, the constant coefficient first: element by element, so a batch changes nothing."""
    value = np.zeros_like(at)
    for coefficient in coefficients[::-1]:
        value = value * at + coefficient
    return value


@cache
def surfaces() -> Surfaces:
    """The table for a regression with a constant, as statsmodels has it."""
    spec = find_spec("statsmodels")
    if spec is None or spec.origin is None:
        raise ImportError("statsmodels is not installed: MacKinnon's coefficients are read from it")
    literal = _literals((Path(spec.origin).parent / "tsa" / "adfvalues.py").read_text("utf-8"))
    small = np.array(literal["tau_c_smallp"][0]) * np.array(literal["small_scaling"])
    large = np.array(literal["tau_c_largep"][0]) * np.array(literal["large_scaling"])
    lowest, highest, split = (float(literal[name][0]) for name in ("tau_min_c", "tau_max_c", "tau_star_c"))
    return Surfaces(lowest, highest, split, small, large, np.array(literal["tau_c_2010"][0]))


def _literals(source: str) -> dict[str, Any]:
    """The first literal assigned to each name, also as ``array(literal)``."""
    found: dict[str, Any] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            try:
                found.setdefault(node.targets[0].id, ast.literal_eval(value))
            except ValueError:
                continue
    return found
