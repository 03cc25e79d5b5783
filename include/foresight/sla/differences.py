"""What applying definitions changes: SLIs that are added, changed, removed, or kept without a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foresight.sla.definitions import Sla


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one SLA; the names of its SLIs are in the order of the definitions.

    ``sla`` is what is active afterwards: with the SLIs that are ``kept``.
    """

    sla: Sla
    is_new: bool
    is_changed: bool
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def differences(active: Sequence[Sla], new: Sequence[Sla], *, prune: bool = False) -> list[Difference]:
    """What becomes of each new SLA; SLAs that are not among the new ones stay as they are.

    SLIs that only the active SLA has are kept, so that the files of one service may be applied one by one;
    with ``prune`` they are removed.
    """
    before = {sla.name: sla for sla in active}
    return [_difference(before.get(sla.name), sla, prune=prune) for sla in new]


def _difference(before: Sla | None, new: Sla, *, prune: bool) -> Difference:
    if before is None:
        return Difference(new, is_new=True, is_changed=True, added=tuple(sli.name for sli in new.slis))
    old, mine = {sli.name: sli for sli in before.slis}, {sli.name for sli in new.slis}
    missing = tuple(sli for sli in before.slis if sli.name not in mine)
    sla = new if prune or not missing else replace(new, slis=(*new.slis, *missing))
    names = tuple(sli.name for sli in missing)
    return Difference(
        sla,
        is_new=False,
        is_changed=sla.revision != before.revision,
        added=tuple(sli.name for sli in new.slis if sli.name not in old),
        changed=tuple(sli.name for sli in new.slis if sli.name in old and old[sli.name] != sli),
        removed=names if prune else (),
        kept=() if prune else names,
    )
