"""The annotations of ours in OpenSLO documents: what OpenSLO itself has no field for."""

from __future__ import annotations

from typing import Final

from foresight.conventions import ANNOTATION_PREFIX

NAME: Final = ANNOTATION_PREFIX + "name"
"""Our name of an SLA (on a Service) or SLI (on an SLO), where OpenSLO's rules for names forbid it."""
OWNER: Final = ANNOTATION_PREFIX + "owner"
HORIZON: Final = ANNOTATION_PREFIX + "horizon"
AT_RISK: Final = ANNOTATION_PREFIX + "at-risk-probability"
MINIMUM: Final = ANNOTATION_PREFIX + "min"
MAXIMUM: Final = ANNOTATION_PREFIX + "max"
WINDOWS: Final = ANNOTATION_PREFIX + "windows"
SHORT_WINDOW: Final = ANNOTATION_PREFIX + "short-window"

UNDERSTOOD: Final = {
    "Service": frozenset({NAME, OWNER, HORIZON, AT_RISK}),
    "SLO": frozenset({NAME, MINIMUM, MAXIMUM, WINDOWS}),
    "SLI": frozenset[str](),
    "AlertPolicy": frozenset({SHORT_WINDOW}),
}

API_VERSION: Final = "openslo/v1"
POLICY_PREFIX: Final = "burn-rate-"
