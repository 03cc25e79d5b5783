"""The annotations of ours in OpenSLO documents: what OpenSLO itself has no field for."""

from __future__ import annotations

from typing import Final

from foresight.conventions import ANNOTATION_PREFIX

NAME: Final = ANNOTATION_PREFIX + "name"
"""Our name of an SLA (on a Service), SLI (on an SLO), alert or target, where OpenSLO's rules forbid it."""
OWNER: Final = ANNOTATION_PREFIX + "owner"
HORIZON: Final = ANNOTATION_PREFIX + "horizon"
AT_RISK: Final = ANNOTATION_PREFIX + "at-risk-probability"
MINIMUM: Final = ANNOTATION_PREFIX + "min"
MAXIMUM: Final = ANNOTATION_PREFIX + "max"
WINDOWS: Final = ANNOTATION_PREFIX + "windows"
SHORT_WINDOW: Final = ANNOTATION_PREFIX + "short-window"
SLICE_TARGET: Final = ANNOTATION_PREFIX + "slice-target"
VANISHED: Final = ANNOTATION_PREFIX + "vanished"
ACROSS: Final = ANNOTATION_PREFIX + "across"
NO_DATA: Final = ANNOTATION_PREFIX + "no-data"
COST: Final = ANNOTATION_PREFIX + "cost-per-minute"
GOOD_ABSENT: Final = ANNOTATION_PREFIX + "good-absent"
NO_TRAFFIC: Final = ANNOTATION_PREFIX + "no-traffic"
RATE_WINDOW: Final = ANNOTATION_PREFIX + "rate-window"
MIN_EVENTS: Final = ANNOTATION_PREFIX + "min-events"
COUNTERS: Final = ANNOTATION_PREFIX + "counters"
"""Which of good, bad and total are counters, where not all are or none is."""
EXPRESSION: Final = ANNOTATION_PREFIX + "expression"
"""``true`` where a query that has the form of a selector is an expression of its own."""

UNDERSTOOD: Final = {
    "Service": frozenset({NAME, OWNER, HORIZON, AT_RISK}),
    "SLO": frozenset(
        {
            NAME, MINIMUM, MAXIMUM, WINDOWS, AT_RISK, SLICE_TARGET, VANISHED, ACROSS, NO_DATA, COST,
            GOOD_ABSENT, NO_TRAFFIC, RATE_WINDOW, MIN_EVENTS, COUNTERS, EXPRESSION,
        }
    ),
    "SLI": frozenset[str](),
    "AlertPolicy": frozenset({NAME, SHORT_WINDOW}),
    "AlertCondition": frozenset[str](),
    "AlertNotificationTarget": frozenset({NAME}),
    "DataSource": frozenset[str](),
}  # fmt: skip

API_VERSION: Final = "openslo/v1"
POLICY_PREFIX: Final = "burn-rate-"
