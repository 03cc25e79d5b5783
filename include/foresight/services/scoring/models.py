"""What people do with models: add, list, deploy, roll back, undeploy, delete."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import Connection, Row

from foresight.errors import FinalError
from foresight.files import Files, read_bytes, write_bytes
from foresight.scoring.kinds import KINDS, kind_of, load_model
from foresight.scoring.trial import try_out
from foresight.services.scoring.deployments import (
    CHAMPION,
    check_defaults,
    checked_name,
    parse_reference,
    with_new_names,
)
from foresight.services.scoring.scorers import Scoring
from foresight.store import Store
from foresight.store import models as registry
from foresight.store.models import MODELS_LOCK, Change

if TYPE_CHECKING:
    from upath import UPath

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Added:
    """A version, and whether it is new: the same bytes give the version that they gave before."""

    name: str
    version: int
    is_new: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """One model: its versions, deployments and changes, each the newest first."""

    name: str
    versions: Sequence[Row[Any]]
    deployments: Sequence[Row[Any]]
    changes: Sequence[Row[Any]]


def add(store: Store, files: Files, name: str, source: str, change: Change, kind: str | None = None) -> Added:
    """Stores a file, by path or URI, as a version of a model; its kind is that of its ending, if not given.

    Raises ``UnsupportedModel`` for a kind or an element that nothing here runs, ``InvalidModel`` for a file
    that is broken or hostile.
    """
    checked_name(name)
    kind = kind or kind_of(source)
    data = read_bytes(files.at(source))
    if kind in KINDS:
        try_out(data, kind)
    model = load_model(data, kind)
    sha256 = hashlib.sha256(data).hexdigest()
    # A name of its own: so whoever deletes a version deletes no file that another one needs.
    target = files.root / name / f"{sha256}-{uuid4().hex[:8]}.{kind}"
    row = {
        "name": name,
        "kind": kind,
        "sha256": sha256,
        "size_bytes": len(data),
        "signature": asdict(model.signature),
        "uri": str(target),
    }

    def work(connection: Connection) -> tuple[int, str]:
        version, _ = registry.add_version(connection, row, change)
        return version, str(registry.find_version(connection, name, version).uri)

    write_bytes(target, data)  # first, so that a version always has its file
    version, uri = store.transact(work, lock=MODELS_LOCK)
    is_new = uri == str(target)
    if not is_new:
        target.unlink(missing_ok=True)
        _restore(files.at(uri), data)
    log.info("%s: version %d, %s", name, version, "new" if is_new else "there already")
    return Added(name, version, is_new, sha256)


def list_models(store: Store) -> tuple[Sequence[Row[Any]], Sequence[Row[Any]]]:
    """Every version of every model, and every deployment."""
    return store.read(lambda c: (registry.list_versions(c), registry.list_deployments(c)))


def get_model(store: Store, name: str) -> ModelDetails:
    """One model; of a deleted one there are changes only. Raises ``NotFound``."""

    def work(connection: Connection) -> ModelDetails:
        changes = registry.list_changes(connection, name)
        if not changes:
            registry.find_version(connection, name)
        versions = registry.list_versions(connection, name)
        return ModelDetails(name, versions, registry.list_deployments(connection, name), changes)

    return store.read(work)


def deploy(
    scoring: Scoring,
    name: str,
    change: Change,
    *,
    version: int | None = None,
    alias: str = CHAMPION,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[int, str | None]:
    """Deploys a version, by default the newest; answers it and what was done (None: it unchanged).

    ``defaults`` (``field_mapping`` and settings of runs) replace those of an active deployment; left out,
    those stay. Raises ``NotFound``, and ``InvalidMapping`` for defaults that do not fit the version.
    """
    checked_name(alias)
    store = scoring.store
    number = int(store.read(lambda connection: registry.find_version(connection, name, version)).version)
    signature = scoring.version(name, number)[0].signature

    def work(connection: Connection) -> str | None:
        wanted = defaults
        if wanted is None:
            standing = registry.list_deployments(connection, name)
            wanted = next((row.defaults for row in standing if row.alias == alias), {})
        wanted = with_new_names(wanted)
        check_defaults(wanted, signature)
        return registry.deploy(connection, name, number, alias, wanted, change)

    action = store.transact(work, lock=MODELS_LOCK)
    log.info("%s@%s: version %d %s", name, alias, number, action or "unchanged")
    return number, action


def configure(
    scoring: Scoring, reference: str, change: Change, version: int, settings: Mapping[str, Any]
) -> str | None:
    """Puts settings among the defaults of a deployment; answers what was done (None: they stood so).

    Raises ``NotFound``, and ``FinalError`` where another version has taken its place meanwhile.
    """
    name, alias = parse_reference(reference)
    signature = scoring.version(name, version)[0].signature

    def work(connection: Connection) -> str | None:
        standing = registry.find_deployment(connection, name, alias)
        if standing.version != version:
            raise FinalError(
                f"{name}@{alias} is version {standing.version} now, not {version}: its defaults stay"
            )
        wanted = {**with_new_names(standing.defaults), **settings}
        check_defaults(wanted, signature)
        return registry.deploy(connection, name, version, alias, wanted, change)

    return scoring.store.transact(work, lock=MODELS_LOCK)


def roll_back(store: Store, reference: str, change: Change, expected: int | None = None) -> tuple[int, int]:
    """Deploys what was deployed before, with its defaults; answers the versions taken out and put back.

    Raises ``FinalError`` where another version than the ``expected`` one is deployed by now.
    """
    name, alias = parse_reference(reference)
    return store.transact(
        lambda connection: registry.roll_back(connection, name, alias, change, expected), lock=MODELS_LOCK
    )


def undeploy(store: Store, reference: str, change: Change, expected: int | None = None) -> int:
    """Takes a deployment away; answers its version.

    Raises ``NotFound``, and ``FinalError`` where another version than the ``expected`` one is deployed.
    """
    name, alias = parse_reference(reference)
    return store.transact(
        lambda connection: registry.undeploy(connection, name, alias, change, expected), lock=MODELS_LOCK
    )


def delete(store: Store, files: Files, name: str, change: Change, version: int | None = None) -> list[int]:
    """Deletes a version, or the whole model, with its files; the history stays.

    Raises ``NotFound``, and ``FinalError`` for what is deployed.
    """

    def work(connection: Connection) -> tuple[list[int], list[str]]:
        uris = {row.version: row.uri for row in registry.list_versions(connection, name)}
        gone = [number for number, _ in registry.delete_versions(connection, name, version, change)]
        return gone, [uris[number] for number in gone]

    gone, uris = store.transact(work, lock=MODELS_LOCK)
    for uri in uris:  # only now are the rows gone for good
        files.at(uri).unlink(missing_ok=True)
    return gone


def _restore(path: UPath, data: bytes) -> None:
    """Writes the file of a version again where it is gone or damaged."""
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass
    write_bytes(path, data)
