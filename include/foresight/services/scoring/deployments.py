"""What is deployed: names, and the mapping and settings that a deployment has as its defaults."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from foresight.errors import FinalError
from foresight.scoring.bundles import Settings
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel, Signature

CHAMPION: Final = "champion"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
SETTINGS: Final = tuple(setting.name for setting in fields(Settings))

log = logging.getLogger(__name__)

Mappings = str | Sequence[Mapping[str, Any]] | None


class InvalidName(FinalError):
    """A name that a model or an alias cannot have."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version with what it is deployed with; ``defaults`` hold for whoever says nothing else."""

    name: str
    alias: str
    version: int
    sha256: str
    defaults: Mapping[str, Any]
    model: ScoringModel

    def mapping(self, given: Mappings = None) -> Mappings:
        """The field mapping that is given, else the default one."""
        return self.defaults.get("field_mapping") if given is None else given

    def settings(self, **given: Any) -> Settings:
        """The settings that are given (None: not given), else the default ones."""
        wanted = {name: value for name, value in given.items() if value is not None}
        return settings_of({**with_new_names(self.defaults), **wanted})


def with_new_names(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults under the names of this release. The old name ``senders`` of ``workers`` goes with the next.

    Raises ``InvalidMapping`` for both names.
    """
    if "senders" not in defaults:
        return dict(defaults)
    if "workers" in defaults:
        raise InvalidMapping("senders is the old name of workers: say workers alone")
    log.warning("the setting senders of a deployment is called workers now; the old name goes next release")
    return {"workers" if name == "senders" else name: value for name, value in defaults.items()}


def settings_of(defaults: Mapping[str, Any]) -> Settings:
    """The settings among the defaults of a deployment. Raises ``InvalidMapping``."""
    return Settings(**{name: value for name, value in defaults.items() if name in SETTINGS})


def check_defaults(defaults: Mapping[str, Any], signature: Signature) -> None:
    """Raises ``InvalidMapping`` for defaults that no run could work with."""
    unknown = sorted(set(defaults) - {"field_mapping", *SETTINGS})
    if unknown:
        known = ", ".join(("field_mapping", *SETTINGS))
        raise InvalidMapping(f"defaults have no {', '.join(unknown)}, only {known}")
    settings_of(defaults)
    read_mapping(defaults.get("field_mapping"), signature)


def parse_reference(reference: str) -> tuple[str, str]:
    """Name and alias of ``name@alias``, or of ``name``, which means its champion."""
    name, _, alias = reference.partition("@")
    return checked_name(name), checked_name(alias or CHAMPION)


def checked_name(name: str) -> str:
    """The name, which is also one of a folder. Raises ``InvalidName``."""
    if not NAME.fullmatch(name):
        raise InvalidName(f"{name!r} cannot be a name: letters, digits, '_', '-', '.', 128 of them at most")
    return name
