"""What everything shares: the identity of a series, and a matrix of many series on one grid."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.grid import Grid

_ESCAPES = str.maketrans(
    # PromQL takes a replacement character for broken UTF-8.
    {chr(code): f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0xFFFD)}
    | {"\\": r"\\", '"': r"\"", "\n": r"\n"}
)


@dataclass(frozen=True, order=True)
class SeriesKey:
    """One Prometheus series: its metric and its label set without ``__name__``, sorted, case-sensitive."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, metric: str, labels: Mapping[str, str] | None = None) -> SeriesKey:
        """The key of ``metric`` with ``labels`` in any order; ``__name__`` among them is ignored."""
        pairs = sorted((name, value) for name, value in (labels or {}).items() if name != "__name__")
        return cls(metric, tuple(pairs))

    @cached_property
    def canonical(self) -> bytes:
        """The one JSON spelling of this identity: ``[metric, [[label, value], …]]`` in UTF-8."""
        return orjson.dumps([self.metric, self.labels])

    @cached_property
    def id(self) -> int:
        """63 bits of the SHA-256 of ``canonical``: the same on every machine, without asking a database.

        Among ten million series, the chance that any two share an id is 5e-6; the store refuses a clash.
        """
        return int.from_bytes(hashlib.sha256(self.canonical).digest()[:8], "big") >> 1

    def __str__(self) -> str:
        inner = ",".join(f'{name}="{escape(value)}"' for name, value in self.labels)
        return f"{self.metric}{{{inner}}}" if inner else self.metric

    def partition(self, labels: Iterable[str]) -> str:
        """What tells this series from others of its metric on one host: ``a=1,b=2``, or ``default``."""
        mine = dict(self.labels)
        return ",".join(f"{name}={mine[name]}" for name in labels if name in mine) or "default"


def escape(value: str) -> str:
    """A label value as PromQL spells it between double quotes."""
    return value.translate(_ESCAPES)


@dataclass(frozen=True, eq=False)
class SeriesMatrix:
    """Many series on one grid: ``values[i, j]`` is series ``keys[i]`` in slot ``j``, NaN where missing.

    ``values`` is float64, C-contiguous, ``[n_series, n_slots]``. Keys are unique.
    """

    keys: tuple[SeriesKey, ...]
    grid: Grid
    values: NDArray[np.float64] = field(repr=False)

    def __post_init__(self) -> None:
        if self.values.dtype != np.float64 or self.values.shape != (len(self.keys), self.grid.n_slots):
            msg = (
                f"values must be float64 [{len(self.keys)}, {self.grid.n_slots}], "
                f"got {self.values.dtype} {list(self.values.shape)}"
            )
            raise ValueError(msg)
        if len(set(self.keys)) != len(self.keys):
            msg = "a series appears twice in one matrix"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """``SeriesKey.id`` of each row, shape ``[n_series]``."""
        return np.fromiter((key.id for key in self.keys), dtype=np.int64, count=len(self.keys))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> SeriesMatrix:
        """The given rows, by index or by mask, in that order."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return SeriesMatrix(tuple(self.keys[i] for i in index), self.grid, self.values[index])
