"""What is deployed, ready to score: its file read and checked, its mapping and settings as they stand."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

from airflow.sdk import ObjectStoragePath

from foresight.errors import BadAnswer, FinalError, SourceUnavailable
from foresight.scoring.bundles import Settings
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel, Signature
from foresight.scoring.records import RecordScorer
from foresight.store import Store, models

CHAMPION: Final = "champion"
MAX_BYTES: Final = 256 * 1024 * 1024
"""A larger file is not even read."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
SETTINGS: Final = tuple(setting.name for setting in fields(Settings))

Mappings = str | Sequence[Mapping[str, Any]] | None


class InvalidName(FinalError):
    """A name that a model or an alias cannot have."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version with what it is deployed with; ``defaults`` hold for whoever says nothing else."""

    name: str
    alias: str
    version: int
    defaults: Mapping[str, Any]
    model: ScoringModel

    def mapping(self, given: Mappings = None) -> Mappings:
        """The field mapping that is given, else the default one."""
        return self.defaults.get("field_mapping") if given is None else given

    def settings(self, **given: Any) -> Settings:
        """The settings that are given (None: not given), else the default ones."""
        wanted = {name: value for name, value in given.items() if value is not None}
        return settings_of({**self.defaults, **wanted})


def scorer_of(model: ScoringModel, mapping: Mappings, *, reads_text: bool = False) -> RecordScorer:
    """A model behind a mapping. Raises ``InvalidMapping``."""
    return RecordScorer(model, read_mapping(mapping, model.signature, reads_text=reads_text))


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


def open_deployment(store: Store, reference: str) -> Deployed:
    """What is deployed as ``name@alias``. Raises ``NotFound``."""
    name, alias = parse_reference(reference)
    found = store.read(lambda connection: models.find_deployment(connection, name, alias))
    return Deployed(name, alias, found.version, found.defaults, open_version(store, name, found.version))


def open_version(store: Store, name: str, version: int) -> ScoringModel:
    """A version, loaded. Raises ``NotFound``, and ``BadAnswer`` where its file is not what was stored."""
    row = store.read(lambda connection: models.find_version(connection, name, version))
    return _load(row.uri, row.kind, row.sha256)


@lru_cache(maxsize=8)
def _load(uri: str, kind: str, sha256: str) -> ScoringModel:
    """Compiled once a process; versions never change."""
    data = read_bytes(uri)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadAnswer(f"{uri} is not what was stored: add the model again from its source")
    return load_model(data, kind)


def root() -> ObjectStoragePath:
    """Where model files lie: ``FORESIGHT_MODELS``, a URI that Airflow's object storage knows."""
    home = os.environ.get("AIRFLOW_HOME", os.path.expanduser("~/airflow"))
    return ObjectStoragePath(os.environ.get("FORESIGHT_MODELS", f"file://{home}/models"))


def read_bytes(uri: str) -> bytes:
    """A file by path or URI. Raises ``SourceUnavailable``, ``BadAnswer`` if it is not there or too large."""
    path = ObjectStoragePath(uri if "://" in uri else f"file://{os.path.abspath(uri)}")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadAnswer(f"{uri} has {size} bytes, more than the {MAX_BYTES} allowed")
        return bytes(path.read_bytes())
    except FileNotFoundError as error:
        raise BadAnswer(f"there is no file {uri}") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot read {uri}: {error}") from error
