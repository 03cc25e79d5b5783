"""Definitions of SLAs in requests: forms that are made from the dataclasses themselves, so neither drifts."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, create_model
from pydantic import Field as FormField

from foresight.errors import InvalidDocument, Mistake
from foresight.sla import rules
from foresight.sla.definitions import Sla, Sli
from foresight.web.fields import Form

Text = Annotated[str, FormField(max_length=rules.MAX_QUERY)]
"""The longest text of a definition is a query."""


_SHORTER = {"owner", "description", "display_name", "severity"}
_SHORT = Annotated[str, FormField(max_length=255)]


@cache
def form_of(shape: Any, *, is_partial: bool = False) -> type[BaseModel]:
    """The form of a dataclass: the same fields, strict, no other one; with ``is_partial`` all optional.

    Tuples are lists; pairs of texts are lists of two.
    """
    hints = get_type_hints(shape)
    made: dict[str, Any] = {}
    for field in fields(shape):
        kind = _SHORT if field.name in _SHORTER else _form_type(hints[field.name])
        if is_partial:
            made[field.name] = (kind | None if kind is not Any else kind, None)
        else:
            made[field.name] = (kind, _default(field))
    suffix = "Patch" if is_partial else ""
    return create_model(f"{shape.__name__}{suffix}", __base__=Form, __doc__=shape.__doc__, **made)


def _default(field: Field[Any]) -> Any:
    if field.default is MISSING:
        return ...
    return FormField(default_factory=lambda: _plain(field.default))


def _plain(value: Any) -> Any:
    """A default as a form holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return form_of(type(value)).model_construct(
            **{field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        )
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _form_type(hint: Any) -> Any:
    if is_dataclass(hint):
        return form_of(cast("Any", hint))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        kinds = [NoneType if each is NoneType else _form_type(each) for each in arguments]
        return Union[tuple(kinds)]  # noqa: UP007 - made of a list
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return list[_form_type(arguments[0])]  # type: ignore[misc] # made here
        kind = list[Text]
        return Annotated[kind, FormField(min_length=len(arguments), max_length=len(arguments))]
    return Text if hint is str else hint


@dataclass(slots=True)
class _Reading:
    """Makes dataclasses out of plain values; what their rules refuse is noted with its place."""

    mistakes: list[Mistake]

    def value(self, hint: Any, given: Any, place: str) -> Any:
        """The value of a field."""
        if is_dataclass(hint) and given is not None:
            return self.made(cast("type", hint), given, place)
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in {Union, UnionType} and given is not None:
            return self.value(next(each for each in arguments if each is not NoneType), given, place)
        if origin is tuple and given is not None:
            inner = arguments[0]
            return tuple(self.value(inner, each, f"{place}[{at}]") for at, each in enumerate(given))
        if hint is float and isinstance(given, int) and not isinstance(given, bool):
            return float(given)
        return given

    def made(self, shape: Any, given: dict[str, Any], place: str) -> Any:
        """The dataclass; None where something in it is wrong."""
        hints, before = get_type_hints(shape), len(self.mistakes)
        values = {
            name: self.value(hints[name], value, f"{place}.{name}".removeprefix("."))
            for name, value in given.items()
        }
        if len(self.mistakes) > before:
            return None
        try:
            return shape(**values)
        except (ValueError, OverflowError) as error:
            self.mistakes.append(Mistake("", 0, place, str(error)))
            return None


def sla_of_form(form: BaseModel) -> Sla:
    """The SLA that a form means. Raises ``InvalidDocument`` with every mistake and its place."""
    return cast("Sla", _read(Sla, form))


def sli_of_form(form: BaseModel) -> Sli:
    """The SLI that a form means. Raises as ``sla_of_form`` does."""
    return cast("Sli", _read(Sli, form))


def _read(shape: Any, form: BaseModel) -> Any:
    return read_document(shape, form.model_dump(exclude_unset=True))


def read_document(shape: Any, document: dict[str, Any]) -> Any:
    """A dataclass out of plain values of the right types. Raises ``InvalidDocument``."""
    reading = _Reading([])
    found = reading.made(shape, document, "")
    if reading.mistakes:
        raise InvalidDocument(reading.mistakes)
    return found
