"""What people do with SLAs: apply, list, get, delete, ask for the status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from foresight.errors import FinalError, Mistake, NotFound
from foresight.reasons import no_such
from foresight.services.status_lines import StatusLine, lines_from_rows
from foresight.sla.definitions import Sla, Target, revision_of
from foresight.sla.differences import Difference, differences
from foresight.sla.files import Lint, load_definitions
from foresight.sla.json_form import notes_from_document, sla_document, sla_from_document
from foresight.sla.openslo_export import openslo_text
from foresight.sla.references import Limits
from foresight.sla.rows import definition_rows
from foresight.sla.watching import watched_expressions
from foresight.store import (
    DEFINITION_LOCK,
    Store,
    StoredSla,
    StoredTarget,
    apply_slas,
    delete_sla,
    load_targets,
    save_targets,
)
from foresight.store import load_slas as load_stored
from foresight.store.definitions import load_names, load_sli_names
from foresight.store.rollups import forget_slis
from foresight.store.statuses import newest_statuses, rows_at
from foresight.store.tables import series, sli_status, sli_window

if TYPE_CHECKING:
    from foresight.telemetry.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class ActiveSlas:
    """Every SLA that is active, by name; and by name why others cannot be read."""

    readable: list[Sla]
    unreadable: dict[str, str]

    def get(self, name: str) -> Sla:
        """The SLA of that name. Raises ``NotFound``, and ``FinalError`` where it cannot be read."""
        if name in self.unreadable:
            raise FinalError(
                f"SLA {name!r} cannot be read: {self.unreadable[name]}; apply it anew, or delete it"
            )
        for sla in self.readable:
            if sla.name == name:
                return sla
        raise NotFound(no_such("there is no SLA", name, [sla.name for sla in self.readable]))

    def choose(self, names: Collection[str]) -> list[Sla]:
        """The SLAs of these names, all that are readable where none is given. Raises as ``get`` does."""
        return [self.get(name) for name in sorted(set(names))] if names else self.readable


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying files changes, or would change: a difference an SLA; and what has no counterpart."""

    differences: list[Difference]
    targets: tuple[str, ...]
    notes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The newest stored status of some SLAs: as lines to show, and as rows of ``sli_status``."""

    lines: list[StatusLine]
    rows: list[dict[str, Any]]
    unreadable: dict[str, str]


def check(
    store: Store, catalogue: Catalogue, files: Sequence[Path], *, prune: bool = False
) -> tuple[Applied, Lint]:
    """What applying files would change, and what they define; nothing is changed.

    A metric counts as known where the catalogue watches it or the store has a series of it. Raises
    ``InvalidDocument`` with every mistake, and ``NotFound`` where the files define nothing.
    """

    def work(connection: Connection) -> tuple[ActiveSlas, Limits]:
        targets = stored_target_names(connection)
        limits = Limits(known_metrics(connection, catalogue), known_targets=targets)
        return read_active(connection), limits

    active, limits = store.read(work)
    found = load_definitions(list(files), limits)
    defined = found.definitions
    if not defined.slas and not defined.targets:
        raise NotFound(
            f"there is no SLA in {', '.join(map(str, files))}: a file lists them under the key slas, or is "
            "of OpenSLO, Sloth or Pyrra, and a folder stands for its *.yaml and *.yml"
        )
    changes = differences(active.readable, defined.slas, prune=prune)
    return Applied(changes, tuple(target.name for target in defined.targets), found.notes), found


def apply(
    store: Store, catalogue: Catalogue, files: Sequence[Path], *, by: str, at: int, prune: bool = False
) -> Applied:
    """Makes the SLAs in files active: all of them, or none where one is wrong.

    SLIs that only the active SLA has are kept; with ``prune`` they are removed. Raises as ``check`` does.
    """
    _, found = check(store, catalogue, files)
    return apply_found(store, found, by=by, at=at, prune=prune)


def apply_found(store: Store, found: Lint, *, by: str, at: int, prune: bool = False) -> Applied:
    """Makes the SLAs and targets that were found in documents active: all of them."""
    defined = found.definitions

    def work(connection: Connection) -> list[Difference]:
        active = read_active(connection).readable
        changes = differences(active, defined.slas, prune=prune)
        _forget_changed(connection, active, [each.sla for each in changes])
        given = [(stored_sla(each.sla), definition_rows(each.sla)) for each in changes]
        apply_slas(connection, given, applied_at=at, applied_by=by)
        save_targets(connection, [_stored_target(target) for target in defined.targets])
        return changes

    changes = store.transact(work, lock=DEFINITION_LOCK)
    return Applied(changes, tuple(target.name for target in defined.targets), found.notes)


def _forget_changed(connection: Connection, before: Sequence[Sla], after: Sequence[Sla]) -> None:
    """Forgets what was counted of SLIs that are counted otherwise from now on, or not at all."""
    counted = {sla.name: {(sli.name, sli.counting) for sli in sla.slis} for sla in after}
    forget_slis(
        connection,
        [
            (sla.name, sli.name)
            for sla in before
            if sla.name in counted
            for sli in sla.slis
            if (sli.name, sli.counting) not in counted[sla.name]
        ],
    )


def export(store: Store, names: Collection[str] = ()) -> tuple[str, dict[str, str]]:
    """SLAs and the targets that their alerts name as OpenSLO, and why some SLAs cannot be read."""

    def work(connection: Connection) -> tuple[ActiveSlas, list[Target]]:
        return read_active(connection), list(map(_target, load_targets(connection)))

    active, targets = store.read(work)
    slas = active.choose(names)
    named = {name for sla in slas for sli in sla.slis for alert in sli.alerts for name in alert.targets}
    chosen = [target for target in targets if not names or target.name in named]
    return openslo_text(slas, chosen), active.unreadable


def read_active(connection: Connection, names: Sequence[str] | None = None) -> ActiveSlas:
    """Every active SLA, or those of these names that are active.

    Rules may have become stricter since one was applied, so some may be unreadable.
    """
    readable, unreadable = [], {}
    for stored in load_stored(connection, names):
        try:
            readable.append(sla_from_document(stored.document))
        except (KeyError, TypeError, ValueError) as error:
            unreadable[stored.name] = f"{type(error).__name__}: {error}"
    return ActiveSlas(readable, unreadable)


def list_slas(store: Store) -> ActiveSlas:
    """Every active SLA."""
    return store.read(read_active)


def names_between(store: Store, first: str, last: str) -> list[str]:
    """The names of the active SLAs from the first to the last, both included."""
    return store.read(lambda connection: load_names(connection, first, last))


def get_sla(store: Store, name: str) -> Sla:
    """One SLA. Raises ``NotFound``, and ``FinalError`` where it cannot be read."""
    return store.read(read_active).get(name)


def delete(store: Store, name: str, *, by: str, at: int) -> None:
    """Deletes an SLA; its statuses stay until retention removes them. Raises ``NotFound``."""

    def work(connection: Connection) -> None:
        forget_slis(connection, [(name, sli) for sli in load_sli_names(connection, name)])
        delete_sla(connection, name, applied_at=at, applied_by=by)

    store.transact(work, lock=DEFINITION_LOCK)


def status(store: Store, name: str | None = None) -> Status:
    """The newest status of one SLA, or of each, all read at one moment.

    Raises ``NotFound`` for a name that no SLA has.
    """

    def work(connection: Connection) -> Status:
        active = read_active(connection)
        slas = active.choose([name] if name else ())
        newest = newest_statuses(connection, [sla.name for sla in slas])
        rows, windows = (rows_at(connection, table, newest) for table in (sli_status, sli_window))
        slis = {(sla.name, sli.name): sli for sla in slas for sli in sla.slis}
        return Status(lines_from_rows(slis, rows, windows), rows, active.unreadable)

    return store.read(work)


def with_expressions(catalogue: Catalogue, slas: Sequence[Sla]) -> Catalogue:
    """The catalogue with an entry for each expression that SLAs bring: read and stored as any other.

    A value of theirs is that of an instant, and one is enough: no coverage is asked of them.
    """
    from foresight.telemetry.catalogue import WatchedMetric

    known = {entry.name for entry in catalogue.metrics}
    entries = [
        WatchedMetric(
            name=each.name, query=each.query, coverage=0.0, min_slots=1, description="an expression of an SLA"
        )
        for each in watched_expressions(slas)
        if each.name not in known
    ]
    return catalogue.model_copy(update={"metrics": (*catalogue.metrics, *entries)})


def known_metrics(connection: Connection, catalogue: Catalogue) -> set[str]:
    """The metrics that the catalogue watches or a stored series has."""
    watched = {entry.series_metric for entry in catalogue.metrics}
    return watched.union(connection.execute(select(series.c.metric).distinct()).scalars())


def stored_target_names(connection: Connection) -> list[str]:
    """The names of every notification target."""
    return [target.name for target in load_targets(connection)]


def _stored_target(target: Target) -> StoredTarget:
    return StoredTarget(target.name, target.kind, target.description, asdict(target))


def _target(stored: StoredTarget) -> Target:
    document = stored.document
    return Target(
        document["name"], document["kind"], document["description"], notes_from_document(document["notes"])
    )


def stored_sla(sla: Sla) -> StoredSla:
    """An SLA as it is stored."""
    document = sla_document(sla)
    return StoredSla(sla.name, sla.owner, sla.description, revision_of(document), document)
