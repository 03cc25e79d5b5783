"""What a run of decisions may do, and the model that it goes by."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from foresight.slices.envelope import Envelope
from foresight.slices.guardrails import Limits
from foresight.slices.identifiers import normal_form
from foresight.slices.model_file import parse_model
from foresight.slices.network import Model
from foresight.slices.recording import GRANULARITY_SECONDS
from foresight.slices.targets import Target
from foresight.store.slice_models import find_champion


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in use, and its version."""

    version: str
    model: Model


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """What a run may do. ``active``: slices that are managed, in any spelling, empty for all.

    ``granularity_seconds``: the periods that are decided on; measurements of other lengths are kept and not
    used.
    """

    target: Target = Target.REFERENCE
    limits: Limits = field(default_factory=Limits)
    active: frozenset[str] = frozenset()
    late_periods: float = 1.0
    envelope: Envelope = field(default_factory=Envelope)
    granularity_seconds: int = GRANULARITY_SECONDS

    def manages(self, snssai: str, known: Mapping[str, bool]) -> bool:
        """Whether a slice is managed: named by the run, or by nobody, and not inactive in the inventory."""
        is_named = not self.active or snssai in {normal_form(each) for each in self.active}
        return is_named and known.get(snssai, True)


def load_champion(connection: Connection, kind: Target) -> Champion | None:
    """The model in use for a target; None without one."""
    row = find_champion(connection, kind)
    return None if row is None else Champion(row.version, parse_model(b64decode(row.document), row.version))
