"""Fields of a VES event: names, numbers and measured values, each as senders spell it."""

from __future__ import annotations

import re
from typing import Any, Final

from foresight.slices.identifiers import LONGEST_NAME
from foresight.slices.measurements import Reason
from foresight.slices.wire import Json, Unreadable

LARGEST_VALUE: Final = 1e15
FORMS: Final = ("sValue", "iValue", "rValue")
"""Where VES 7.1 puts a measured value; ``isNull`` says that there is none."""

_NUMBER = re.compile(r"\s*\+?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?\s*")
_IS_NULL: Final[dict[str, bool]] = {"true": True, "false": False, "": False}


def measured(result: Json) -> float | tuple[Reason, object]:
    """The value of an entry of ``measResults``, or why there is none.

    An entry has one of ``sValue``, ``iValue``, ``rValue`` and ``isNull``. Empty ones beside it do no harm;
    two different values do.
    """
    flag = result.get("isNull", False)
    is_null = _IS_NULL.get(flag.strip().lower()) if isinstance(flag, str) else flag or False
    if not isinstance(is_null, bool):
        return Reason.BAD_VALUE, flag
    given = {form: result[form] for form in FORMS if form in result and not _is_empty(result[form])}
    if is_null and given:
        return Reason.BAD_VALUE, f"isNull and {', '.join(given)}"
    if not given:
        unknown = sorted(set(result) - {*FORMS, "isNull", "p"})
        is_known = is_null or any(form in result for form in FORMS) or not unknown
        return (Reason.EMPTY_VALUE, None) if is_known else (Reason.UNKNOWN_VALUE_FORM, ", ".join(unknown))
    numbers = {form: number(value) for form, value in given.items()}
    if None in numbers.values() or len(set(numbers.values())) > 1 or _is_broken(numbers.get("iValue")):
        return Reason.BAD_VALUE, next(iter(given.values())) if len(given) == 1 else str(given)
    return next(value for value in numbers.values() if value is not None)


def _is_empty(found: object) -> bool:
    return found is None or (isinstance(found, str) and not found.strip())


def _is_broken(value: float | None) -> bool:
    return value is not None and value % 1 != 0


def number(found: object, largest: float = LARGEST_VALUE) -> float | None:
    """A number from 0 to ``largest``, given as such or as text; else nothing."""
    if isinstance(found, str):
        found = float(found) if len(found) <= LONGEST_NAME and _NUMBER.fullmatch(found) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found <= largest else None


def a_name(found: object) -> str | None:
    """A name fit to be a key: not empty, printable, bounded; a whole number counts as its digits."""
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < LARGEST_VALUE:
        found = str(found)
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_NAME:
        return None
    return found.strip() if found.isprintable() else None


def a_list(parent: object, name: str) -> list[Any]:
    """A field that is a list; an empty one for anything else."""
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, list) else []


def an_object(parent: Json, name: str, path: str = "") -> Json:
    """A field that is an object; raises ``Unreadable``."""
    found = parent.get(name)
    if isinstance(found, dict):
        return found
    raise Unreadable(Reason.NOT_AN_EVENT, f"{path}.{name}", found)
