"""Scoring with what is deployed: models and compiled record passes are kept for the life of a process."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import orjson

from foresight.errors import BadAnswer
from foresight.files import Files, read_bytes
from foresight.scoring import inference, online
from foresight.scoring.isolation import IsolatedScorer, Recipe
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import Record
from foresight.scoring.records import RecordScorer
from foresight.services.scoring.deployments import Deployed, Mappings, parse_reference
from foresight.store import Store
from foresight.store import models as registry

Value = TypeVar("Value")
OpenDatabase = Callable[[str], Store]
"""Opens the database that a connection names."""

MAX_MODELS: Final = 8
"""Most models that stay loaded."""
MAX_SCORERS: Final = 32
"""Most record passes that stay compiled."""


@dataclass(slots=True)
class _Recent(Generic[Value]):
    """The values that were asked for last, by key; each is made once, also where two threads ask."""

    size: int
    _values: OrderedDict[Any, Value] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it is not there."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
                while len(self._values) > self.size:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]


class Scoring:
    """Deployed models behind their mappings; safe to use from several threads.

    Versions never change, so a model is loaded once and a record pass is compiled once for each mapping. A
    call asks the store one question: which version is deployed.
    """

    def __init__(self, store: Store, files: Files, open_database: OpenDatabase) -> None:
        self.store, self.files, self.open_database = store, files, open_database
        self._models: _Recent[ScoringModel] = _Recent(MAX_MODELS)
        self._scorers: _Recent[RecordScorer] = _Recent(MAX_SCORERS)

    def deployed(self, reference: str) -> Deployed:
        """What is deployed as ``name@alias``. Raises ``NotFound``."""
        name, alias = parse_reference(reference)
        row = self.store.read(lambda connection: registry.find_deployed(connection, name, alias))
        model = self._load(row.uri, row.kind, row.sha256)
        return Deployed(name, alias, row.version, row.sha256, row.defaults, model)

    def version(self, name: str, version: int) -> tuple[ScoringModel, str]:
        """A version, loaded, and its SHA-256.

        Raises ``NotFound``, and ``BadAnswer`` where its file is not what was stored.
        """
        row = self.store.read(lambda connection: registry.find_version(connection, name, version))
        return self._load(row.uri, row.kind, row.sha256), row.sha256

    def isolated(
        self, name: str, version: int, mapping: Mappings, *, reads_text: bool = False
    ) -> IsolatedScorer:
        """A version behind a mapping, in a process of its own. Raises as ``version`` does."""
        row = self.store.read(lambda connection: registry.find_version(connection, name, version))
        return IsolatedScorer(Recipe(self._bytes(row.uri, row.sha256), row.kind, mapping, reads_text))

    def scorer(
        self, model: ScoringModel, sha256: str, mapping: Mappings, *, reads_text: bool = False
    ) -> RecordScorer:
        """A model behind a mapping. Raises ``InvalidMapping``."""
        text = mapping if isinstance(mapping, str) else orjson.dumps(mapping, default=dict).decode()
        return self._scorers.get(
            (sha256, text, reads_text),
            lambda: RecordScorer(model, read_mapping(mapping, model.signature, reads_text=reads_text)),
        )

    def score(
        self, reference: str, records: Sequence[Any], mapping: Mappings = None
    ) -> tuple[list[Record], list[int]]:
        """Each record with its ``Prediction`` or ``PredictionError``, and the places of the bad ones.

        Raises ``NotFound`` where nothing is deployed, ``InvalidMapping``.
        """
        return self._scorer_of(self.deployed(reference), mapping).score(records)

    def answer(self, reference: str | Deployed, payload: Any, mapping: Mappings = None) -> Any:
        """The answer to ``{"fields": [...], "values": [[...]]}``, or to a list of such, in the same form.

        Raises ``InvalidRequest`` with every mistake, ``InvalidMapping``, ``NotFound`` without a deployment.
        """
        return online.answer(self._scorer_of(self._found(reference), mapping), payload)

    def _found(self, reference: str | Deployed) -> Deployed:
        """What is deployed, unless the caller knows it."""
        return self.deployed(reference) if isinstance(reference, str) else reference

    def infer(self, reference: str | Deployed, request: Any) -> dict[str, Any]:
        """The response to an inference request of the Open Inference Protocol. Raises as ``answer`` does."""
        found = self._found(reference)
        return inference.infer(self._scorer_of(found), request, found.name, found.version)

    def describe(self, reference: str | Deployed) -> dict[str, Any]:
        """What the Open Inference Protocol calls the metadata of a model. Raises ``NotFound``."""
        found = self._found(reference)
        return inference.describe(found.name, found.version, found.model.kind, found.model.signature)

    def _scorer_of(self, found: Deployed, mapping: Mappings = None) -> RecordScorer:
        return self.scorer(found.model, found.sha256, found.mapping(mapping))

    def _load(self, uri: str, kind: str, sha256: str) -> ScoringModel:
        return self._models.get((sha256, kind), lambda: load_model(self._bytes(uri, sha256), kind))

    def _bytes(self, uri: str, sha256: str) -> bytes:
        data = read_bytes(self.files.at(uri))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BadAnswer(f"{uri} is not what was stored: add the model again from its source")
        return data
