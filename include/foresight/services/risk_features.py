"""What the calibrator read of each prediction, packed into rows of ``risk_feature`` and back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.features import CONTEXT, SIGNALS
from foresight.forecasting.risk import SideFeatures

N_FEATURES: Final = len(SIGNALS) + len(CONTEXT)
_BYTES: Final = -(-N_FEATURES * 2 // 6) * 6
"""Of a row: a multiple of 3, so that base 64 needs no padding and rows can be decoded together."""
KEY: Final = ("as_of", "sla_name", "sli_name", "sli_revision", "series_id")


def feature_rows(kept: SideFeatures, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The rows of some sides; ``columns`` are those of ``sli_risk``, one entry a pair."""
    pairs, sides, horizons = kept.pair.tolist(), kept.side.tolist(), kept.horizon.tolist()
    found = {name: [columns[name][pair] for pair in pairs] for name in KEY}
    found |= {"horizon_minutes": horizons, "side": sides, "features": encoded(kept.values)}
    keys = zip(*(found[name] for name in (*KEY, "horizon_minutes", "side")), strict=True)
    return found | {"draw": [draw(key) for key in keys]}


def draw(key: tuple[Any, ...]) -> float:
    """A number in [0, 1) that follows from a key."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2.0**64


def encoded(values: NDArray[np.float32]) -> list[str]:
    """Each row of ``values[n, N_FEATURES]`` as half-precision numbers in base 64."""
    packed = np.zeros((len(values), _BYTES // 2), np.dtype("<f2"))
    packed[:, :N_FEATURES] = np.clip(values, -65_000, 65_000)
    return [base64.b64encode(row.tobytes()).decode() for row in packed]


def decoded(texts: Sequence[str]) -> NDArray[np.float32]:
    """The same rows back."""
    raw = np.frombuffer(base64.b64decode("".join(texts)), np.dtype("<f2"))
    return raw.reshape(-1, _BYTES // 2)[:, :N_FEATURES].astype(np.float32)
