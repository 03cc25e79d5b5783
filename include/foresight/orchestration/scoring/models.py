"""What people do with models: add, list, deploy, go back, take away, score. The service behind every door."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk import ObjectStoragePath
from sqlalchemy import Connection, Row

from foresight.errors import FinalError
from foresight.orchestration.connections import prepare_results
from foresight.orchestration.scoring.deployments import (
    CHAMPION,
    Mappings,
    check_defaults,
    checked_name,
    open_deployment,
    open_version,
    parse_reference,
    read_bytes,
    root,
    scorer_of,
)
from foresight.orchestration.staging import write_bytes
from foresight.scoring import inference, online
from foresight.scoring.kinds import KINDS, kind_of, load_model
from foresight.scoring.outcome import Record
from foresight.scoring.trial import BOUNDED, try_out
from foresight.store import models as registry
from foresight.store.models import MODELS_LOCK, Change

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Added:
    """A version, and whether it is new: the same bytes give the version that they gave before."""

    name: str
    version: int
    is_new: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One model: its versions, deployments and changes, each the newest first."""

    name: str
    versions: Sequence[Row[Any]]
    deployments: Sequence[Row[Any]]
    changes: Sequence[Row[Any]]


def add(name: str, source: str, change: Change, kind: str | None = None) -> Added:
    """Stores a file, by path or URI, as a version of a model; its kind is that of its ending, if not given.

    Raises ``UnsupportedModel`` for a kind or an element that nothing here runs, ``InvalidModel`` for a file
    that is broken or hostile.
    """
    checked_name(name)
    kind = kind or kind_of(source)
    data = read_bytes(source)
    if kind in KINDS and kind not in BOUNDED:
        try_out(data, kind)
    model = load_model(data, kind)
    sha256 = hashlib.sha256(data).hexdigest()
    target = root() / name / f"{sha256}.{kind}"
    row = {
        "name": name,
        "kind": kind,
        "sha256": sha256,
        "size_bytes": len(data),
        "signature": asdict(model.signature),
        "uri": str(target),
    }

    def work(connection: Connection) -> tuple[int, bool]:
        # The file comes first, so a version always has one; writing it twice is writing it once.
        write_bytes(target, data)
        return registry.add_version(connection, row, change)

    version, is_new = prepare_results().transact(work, lock=MODELS_LOCK)
    log.info("%s: version %d, %s", name, version, "new" if is_new else "there already")
    return Added(name, version, is_new, sha256)


def listed() -> tuple[Sequence[Row[Any]], Sequence[Row[Any]]]:
    """Every version of every model, and every deployment."""
    return prepare_results().read(lambda c: (registry.list_versions(c), registry.list_deployments(c)))


def shown(name: str) -> Shown:
    """One model; of a deleted one there are changes only. Raises ``NotFound``."""

    def work(connection: Connection) -> Shown:
        changes = registry.list_changes(connection, name)
        if not changes:
            registry.find_version(connection, name)
        versions = registry.list_versions(connection, name)
        return Shown(name, versions, registry.list_deployments(connection, name), changes)

    return prepare_results().read(work)


def deploy(
    name: str,
    change: Change,
    *,
    version: int | None = None,
    alias: str = CHAMPION,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[int, str | None]:
    """Deploys a version, by default the newest; answers it and what was done (None: it stood already).

    ``defaults`` (``field_mapping`` and settings of runs) replace those of a deployment that stands; left out,
    those stay. Raises ``NotFound``, and ``InvalidMapping`` for defaults that do not fit the version.
    """
    checked_name(alias)
    store = prepare_results()
    number = int(store.read(lambda connection: registry.find_version(connection, name, version)).version)
    signature = open_version(store, name, number).signature

    def work(connection: Connection) -> str | None:
        wanted = defaults
        if wanted is None:
            standing = registry.list_deployments(connection, name)
            wanted = next((row.defaults for row in standing if row.alias == alias), {})
        check_defaults(wanted, signature)
        return registry.deploy(connection, name, number, alias, wanted, change)

    action = store.transact(work, lock=MODELS_LOCK)
    log.info("%s@%s: version %d %s", name, alias, number, action or "stood already")
    return number, action


def configure(reference: str, change: Change, version: int, settings: Mapping[str, Any]) -> str | None:
    """Puts settings among the defaults of a deployment; answers what was done (None: they stood so).

    Raises ``NotFound``, and ``FinalError`` where another version has taken its place meanwhile.
    """
    name, alias = parse_reference(reference)
    store = prepare_results()
    signature = open_version(store, name, version).signature

    def work(connection: Connection) -> str | None:
        standing = registry.find_deployment(connection, name, alias)
        if standing.version != version:
            raise FinalError(
                f"{name}@{alias} is version {standing.version} now, not {version}: its defaults stay"
            )
        wanted = {**standing.defaults, **settings}
        check_defaults(wanted, signature)
        return registry.deploy(connection, name, version, alias, wanted, change)

    return store.transact(work, lock=MODELS_LOCK)


def roll_back(reference: str, change: Change) -> tuple[int, int]:
    """Deploys what was deployed before, with its defaults; answers the versions taken out and put back."""
    name, alias = parse_reference(reference)
    return prepare_results().transact(
        lambda connection: registry.roll_back(connection, name, alias, change), lock=MODELS_LOCK
    )


def undeploy(reference: str, change: Change) -> int:
    """Takes a deployment away; answers its version. Raises ``NotFound``."""
    name, alias = parse_reference(reference)
    return prepare_results().transact(
        lambda connection: registry.undeploy(connection, name, alias, change), lock=MODELS_LOCK
    )


def delete(name: str, change: Change, version: int | None = None) -> list[int]:
    """Deletes a version, or the whole model, with its files; the history stays.

    Raises ``NotFound``, and ``FinalError`` for what is deployed.
    """
    store = prepare_results()
    gone = store.transact(
        lambda connection: registry.delete_versions(connection, name, version, change), lock=MODELS_LOCK
    )
    # Only now are the rows gone for good. Who adds the same bytes meanwhile waits, and writes the file again.
    store.transact(lambda connection: _remove_files(connection, name, gone), lock=MODELS_LOCK)
    return [number for number, _ in gone]


def _remove_files(connection: Connection, name: str, gone: Sequence[tuple[int, str]]) -> None:
    kept = {row.sha256 for row in registry.list_versions(connection, name)}
    folder: ObjectStoragePath = root() / name
    for sha256 in {sha256 for _, sha256 in gone} - kept:
        for path in folder.glob(f"{sha256}.*"):
            with suppress(FileNotFoundError):
                path.unlink()


def score(reference: str, records: Sequence[Any], mapping: Mappings = None) -> tuple[list[Record], list[int]]:
    """Each record with its ``Prediction`` or ``PredictionError``, and the places of the bad ones.

    Raises ``NotFound`` where nothing is deployed, ``InvalidMapping``.
    """
    deployed = open_deployment(prepare_results(), reference)
    return scorer_of(deployed.model, deployed.mapping(mapping)).score(records)


def answer(reference: str, payload: Any, mapping: Mappings = None) -> Any:
    """The answer to ``{"fields": [...], "values": [[...]]}``, or to a list of such, in the same form.

    Raises ``InvalidRequest`` with every mistake, ``NotFound`` where nothing is deployed, ``InvalidMapping``.
    """
    deployed = open_deployment(prepare_results(), reference)
    return online.answer(scorer_of(deployed.model, deployed.mapping(mapping)), payload)


def infer(reference: str, request: Any) -> dict[str, Any]:
    """The response to an inference request of the Open Inference Protocol. Raises as ``answer`` does."""
    deployed = open_deployment(prepare_results(), reference)
    scorer = scorer_of(deployed.model, deployed.mapping())
    return inference.infer(scorer, request, deployed.name, deployed.version)


def describe(reference: str) -> dict[str, Any]:
    """What the Open Inference Protocol calls the metadata of a model. Raises ``NotFound``."""
    deployed = open_deployment(prepare_results(), reference)
    return inference.describe(deployed.name, deployed.version, deployed.model.kind, deployed.model.signature)
