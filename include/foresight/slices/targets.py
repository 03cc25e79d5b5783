"""What a network is trained to answer, as formulas over the history of each cell.

``counters`` is ``[..., n_periods, 3]``: requests, successes, failures of consecutive periods, oldest first;
``configured`` broadcasts to ``[..., n_periods]``. Answers are ``[..., n_periods]``, NaN where not defined.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REQUESTS, SUCCESSES, FAILURES = range(3)
LARGEST_GROWTH: Final = 4.0
"""The forward-looking answer is at most this multiple of what is configured: at a failure share of nearly 1
the formula grows without bound."""


FAILURE_BOUND: Final = 0.1
"""The failure share that the forward-looking answer aims at."""


class Target(StrEnum):
    """Which answer a model gives for a period, from what is known when that period ends."""

    REFERENCE = "reference"
    FORWARD = "forward"


def target(
    kind: Target, counters: Floats, configured: Floats, failure_bound: float = FAILURE_BOUND
) -> Floats:
    """The answers of ``kind``; ``failure_bound`` concerns ``FORWARD`` alone."""
    if kind is Target.REFERENCE:
        return reference(counters, configured)
    return forward(counters, configured, failure_bound)


def failure_share(counters: Floats) -> Floats:
    """Failures per request; NaN in a period without requests, for it says nothing about the share."""
    requests = counters[..., REQUESTS]
    known = requests > 0
    share: Floats = np.where(known, counters[..., FAILURES] / np.where(known, requests, 1.0), np.nan)
    return share


def reference(counters: Floats, configured: Floats) -> Floats:
    """``configured + configured * (Fail[t] / Req[t] - Fail[t-1] / Req[t-1])``, as in the published data.

    It looks back only: the first period has no answer, nor has one without requests or after one without.
    """
    share = failure_share(counters)
    answer = np.full(share.shape, np.nan)
    answer[..., 1:] = np.broadcast_to(configured, share.shape)[..., 1:] * (1.0 + np.diff(share, axis=-1))
    return answer


def forward(counters: Floats, configured: Floats, failure_bound: float = FAILURE_BOUND) -> Floats:
    """The connections with which the next period's failure share would have been ``failure_bound``.

    Each connection serves ``a = (Req - Fail) / configured`` sessions of the next period, and
    ``(1 - failure_bound) * Req`` are to be served: ``(1 - failure_bound) * Req / a`` connections.
    """
    if not 0.0 <= failure_bound < 1.0:
        raise ValueError(f"the bound of the failure share must lie in [0, 1), got {failure_bound}")
    share = failure_share(counters)
    served = np.maximum(1.0 - share, (1.0 - failure_bound) / LARGEST_GROWTH)
    needed = np.broadcast_to(configured, share.shape) * (1.0 - failure_bound) / served
    answer = np.full(share.shape, np.nan)
    answer[..., :-1] = needed[..., 1:]
    return answer


def as_column(answers: Floats, configured: Floats) -> Floats:
    """Past answers as the input column ``predicted``: ``configured`` where there is no answer.

    Computed from measurements, never from what a model said: a model fed with its own output drifts away.
    """
    return np.where(np.isnan(answers), np.broadcast_to(configured, answers.shape), answers)
