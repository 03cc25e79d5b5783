"""How notification targets are reached and what they are told of; silences and acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from foresight.errors import FinalError, NotFound
from foresight.services.notification_messages import FIRING
from foresight.sla import rules
from foresight.sla.definitions import Sla, Target
from foresight.store import DEFINITION_LOCK, Store, StoredTarget, load_targets, save_targets
from foresight.store.notifications import DELIVERIES, SILENCES, delete_row, load_rows, save_row

Kind = Literal["webhook", "email", "slack", "apprise"]
GroupBy = Literal["sla", "sli", "all"]
SilenceKind = Literal["silence", "acknowledgement"]
MAX_COOLDOWN: Final = 7 * 86_400
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one target is reached, and what it is told of; instants are epoch seconds.

    It is told of an SLA that is named, that has all of ``labels``, whose alerts name the target, or of every
    one. ``states`` are those that it is told of; that they ended is told too.
    """

    target_name: str
    kind: Kind
    connection: str
    recipients: tuple[str, ...] = ()
    is_for_all: bool = False
    sla_names: tuple[str, ...] = ()
    labels: Labels = ()
    states: tuple[str, ...] = tuple(sorted(FIRING))
    cooldown_seconds: int = 0
    group_by: GroupBy = "sla"
    since: int = 0

    def __post_init__(self) -> None:
        wrong = set(self.states) - FIRING
        _refuse(
            rules.name_mistake(self.target_name),
            None if self.kind in get_args(Kind) else f"{self.kind!r} is no kind: {', '.join(get_args(Kind))}",
            None if self.connection else "name the Airflow connection that says where",
            None if self.group_by in get_args(GroupBy) else f"{self.group_by!r}: group by sla, sli or all",
            None if 0 <= self.cooldown_seconds <= MAX_COOLDOWN else "a quiet time is 0 to 7 days long",
            f"{min(wrong)!r} is no state to be told of: {', '.join(sorted(FIRING))}" if wrong else None,
            None if self.states else "name at least one state",
            "an e-mail needs recipients, and nothing else has them"
            if (self.kind == "email") != bool(self.recipients)
            else None,
            *(f"{each!r} is no address" for each in self.recipients if not _is_address(each)),
        )

    def wants(self, sla: Sla, sli_name: str) -> bool:
        """Whether it is told of an SLI."""
        if self.is_for_all or sla.name in self.sla_names:
            return True
        if self.labels and set(self.labels) <= set(sla.notes.labels):
            return True
        named = {
            name for sli in sla.slis if sli.name == sli_name for each in sli.alerts for name in each.targets
        }
        return self.target_name in named


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nobody is told of an SLA, of one SLI of it, or of the SLAs that have certain labels.

    An acknowledgement ends with the next ``ok``, which is told, or at its end; a silence at its end alone.
    """

    name: str
    kind: SilenceKind
    starts_at: int
    ends_at: int | None
    sla_name: str | None = None
    sli_name: str | None = None
    labels: Labels = ()
    comment: str = ""
    created_by: str = ""

    def __post_init__(self) -> None:
        _refuse(
            rules.name_mistake(self.name),
            None if (self.sla_name is None) != (not self.labels) else "give either an SLA or labels",
            "an SLI belongs to an SLA: name that too" if self.sli_name and not self.sla_name else None,
            "a silence needs an end" if self.kind == "silence" and self.ends_at is None else None,
            "it ends before it begins"
            if self.ends_at is not None and self.ends_at <= self.starts_at
            else None,
        )

    def covers(self, sla: Sla, sli_name: str, at: int) -> bool:
        """Whether it is in force for an SLI at an instant."""
        if not self.starts_at <= at or (self.ends_at is not None and at >= self.ends_at):
            return False
        if self.sla_name is None:
            return set(self.labels) <= set(sla.notes.labels)
        return self.sla_name == sla.name and self.sli_name in {None, sli_name}


def set_delivery(store: Store, delivery: Delivery, description: str = "") -> bool:
    """Makes a target reached so; a target that no OpenSLO document made is made. False where it was so."""
    row = _row(delivery)

    def work(connection: Any) -> bool:
        before = {each["target_name"]: each for each in load_rows(connection, DELIVERIES)}.get(
            delivery.target_name
        )
        if before is not None:
            row["since"] = before["since"]  # what it missed meanwhile is still to be told
        if before == row:
            return False
        if delivery.target_name not in {each.name for each in load_targets(connection)}:
            target = Target(delivery.target_name, delivery.kind, description)
            save_targets(connection, [StoredTarget(target.name, target.kind, description, asdict(target))])
        save_row(connection, DELIVERIES, row)
        return True

    return store.transact(work, lock=DEFINITION_LOCK)


def remove_delivery(store: Store, name: str) -> None:
    """A target is reached no more; the target itself stays, for alerts may name it. Raises ``NotFound``."""
    store.transact(lambda c: delete_row(c, DELIVERIES, name, "delivery of a target"), lock=DEFINITION_LOCK)


def list_targets(store: Store) -> list[tuple[StoredTarget, Delivery | None]]:
    """Every target, and how it is reached; None where nobody has said how."""

    def work(connection: Any) -> list[tuple[StoredTarget, Delivery | None]]:
        known = {each.target_name: each for each in read_deliveries(connection)}
        return [(target, known.get(target.name)) for target in load_targets(connection)]

    return store.read(work)


def get_delivery(store: Store, name: str) -> Delivery:
    """How one target is reached. Raises ``NotFound``."""
    for target, delivery in list_targets(store):
        if target.name == name:
            if delivery is None:
                raise NotFound(f"target {name} is not reached yet: `foresight notifications set` says how")
            return delivery
    raise NotFound(f"there is no target {name!r}")


def add_silence(store: Store, silence: Silence) -> None:
    """Adds a silence or an acknowledgement, or changes the one of that name."""
    row = {**_row(silence), "labels": _pairs(silence.labels) or None}
    store.transact(lambda connection: save_row(connection, SILENCES, row), lock=DEFINITION_LOCK)


def delete_silence(store: Store, name: str) -> None:
    """Deletes one: what changes from now on is told. Raises ``NotFound``."""
    store.transact(lambda c: delete_row(c, SILENCES, name, "silence"), lock=DEFINITION_LOCK)


def list_silences(store: Store) -> list[Silence]:
    """All of them, also those that are over."""
    return store.read(read_silences)


def read_deliveries(connection: Any) -> list[Delivery]:
    """The deliveries by name of their target."""
    return [Delivery(**_typed(row)) for row in load_rows(connection, DELIVERIES)]


def read_silences(connection: Any) -> list[Silence]:
    """Silences and acknowledgements by name."""
    return [Silence(**_typed(row)) for row in load_rows(connection, SILENCES)]


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(tuple(each) if isinstance(each, list) else each for each in value or ())
        if name in {"recipients", "sla_names", "labels", "states"}
        else bool(value)
        if name == "is_for_all"
        else value
        for name, value in row.items()
    }


def _row(given: Delivery | Silence) -> dict[str, Any]:
    return {
        name: _pairs(value) if isinstance(value, tuple) else value for name, value in asdict(given).items()
    }


def _pairs(values: Sequence[Any]) -> list[Any]:
    return [list(each) if isinstance(each, tuple) else each for each in values]


def _is_address(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return (
        bool(name and at and "." in f".{host}" and host)
        and text.isprintable()
        and not set(text) & set(' ,;<>"')
    )


def _refuse(*mistakes: str | None) -> None:
    found = [each for each in mistakes if each]
    if found:
        raise FinalError("; ".join(found))
