"""Which series the matchers of an entry let through, as Prometheus decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from foresight.regexes import full_matches
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Matcher


def matching(keys: Sequence[SeriesKey], matchers: Mapping[str, Matcher]) -> NDArray[np.bool_]:
    """Which keys every matcher lets through, ``[n_keys]``; an absent label is an empty one."""
    chosen = np.ones(len(keys), dtype=np.bool_)
    for label, matcher in matchers.items():
        chosen &= _matching_one([dict(key.labels).get(label, "") for key in keys], matcher)
    return chosen


def _matching_one(values: Sequence[str], matcher: Matcher) -> NDArray[np.bool_]:
    if matcher.operator in {"=~", "!~"}:
        found = full_matches(matcher.value, values)
    else:
        found = np.array([value == matcher.value for value in values], dtype=np.bool_)
    return ~found if matcher.operator.startswith("!") else found
