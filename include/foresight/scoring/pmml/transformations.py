"""DefineFunction and DerivedField, in an order in which each finds what it uses; circles are refused."""

from __future__ import annotations

from collections.abc import Iterable

from foresight.scoring.errors import InvalidModel
from foresight.scoring.pmml.expressions import Expression, find_expression
from foresight.scoring.pmml.frame import Compute, FieldType, Frame, Function, Scope
from foresight.scoring.pmml.sas_functions import SAS_FUNCTIONS
from foresight.scoring.pmml.single_expressions import find_single
from foresight.scoring.pmml.values import Column, cast, known_type
from foresight.scoring.pmml.xml import Element

MAX_CHAIN = 60
"""How far a derived field may be from its inputs, counted in derived fields."""


def read_functions(element: Element, scope: Scope) -> None:
    """Every DefineFunction below ``element`` into ``scope``."""
    functions = {function.need("name"): function for function in element.all("DefineFunction")}
    functions = {name: function for name, function in functions.items() if name not in SAS_FUNCTIONS}
    uses = {
        name: {e.get("function") for e in function.walk() if e.tag == "Apply"} & functions.keys()
        for name, function in functions.items()
    }
    for name in in_order(uses, "functions"):
        scope.functions[name] = _read_function(functions[name], scope)


def _read_function(element: Element, scope: Scope) -> Function:
    inner = Scope(parent=None, functions=scope.functions)
    names = []
    for parameter in element.all("ParameterField"):
        names.append(parameter.need("name"))
        data_type = known_type(parameter.get("dataType", "double"), "ParameterField")
        inner.fields[names[-1]] = FieldType(data_type, parameter.get("optype", "continuous"))
    body = find_expression(element, inner)
    data_type = known_type(element.get("dataType", body.data_type), "DefineFunction")
    return Function(tuple(names), _as(body, data_type), data_type, body.size)


def used_fields(element: Element) -> set[str]:
    """The names that the expressions inside an element ask for."""
    return {
        e.attributes[key] for e in element.walk() for key in ("field", "textField") if key in e.attributes
    }


def read_derived(elements: Iterable[Element], scope: Scope) -> None:
    """Every DerivedField into ``scope``; raises ``InvalidModel`` for circles and unknown names."""
    fields = {element.need("name"): element for element in elements}
    uses = {name: used_fields(element) & fields.keys() for name, element in fields.items()}
    for name in in_order(uses, "derived fields"):
        element = fields[name]
        compute, data_type = read_typed(element, scope)
        values = tuple(value.need("value") for value in element.all("Value"))
        scope.fields[name] = FieldType(data_type, element.get("optype", "continuous"), values)
        scope.derived[name] = compute
        single = find_single(element, scope, data_type)
        if single is not None:
            scope.singles[name] = single


def read_typed(element: Element, scope: Scope) -> tuple[Compute, str]:
    """The expression of a DerivedField as its data type, and that."""
    expression = find_expression(element, scope)
    where = f"DerivedField {element.get('name')[:80]!r}"
    data_type = known_type(element.get("dataType", expression.data_type), where)
    return _as(expression, data_type), data_type


def _as(expression: Expression, data_type: str) -> Compute:
    if expression.data_type == data_type:
        return expression.compute

    def compute(frame: Frame) -> Column:
        return cast(expression.compute(frame), data_type)

    return compute


def in_order(uses: dict[str, set[str]], what: str) -> list[str]:
    """Names after all that they use; raises ``InvalidModel`` for a circle or too long a chain."""
    users: dict[str, list[str]] = {name: [] for name in uses}
    for name, used in uses.items():
        for other in used:
            users[other].append(name)
    waiting = {name: len(used) for name, used in uses.items()}
    chain = dict.fromkeys(uses, 1)
    order = [name for name, count in waiting.items() if not count]
    for name in order:
        for user in users[name]:
            chain[user] = max(chain[user], chain[name] + 1)
            waiting[user] -= 1
            if not waiting[user]:
                order.append(user)
    if len(order) < len(uses):
        circle = sorted(name for name, count in waiting.items() if count)
        raise InvalidModel(f"{what} that use each other in a circle: {', '.join(n[:80] for n in circle[:5])}")
    if max(chain.values(), default=0) > MAX_CHAIN:
        raise InvalidModel(f"{what} that build on more than {MAX_CHAIN} others in a row")
    return order
