"""docs/messages.md says what the schemas say: every field, in order, with valid examples.

After a change of a schema, ``python -m tests.unit.messaging.test_message_reference`` prints the tables anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import foresight

PACKAGE = Path(foresight.__file__).parent
REFERENCE = Path(__file__).parents[3] / "docs" / "messages.md"
SCHEMAS = {
    "prometheusdata": PACKAGE / "messaging" / "schemas" / "prometheusdata.v1.json",
    "sla-events": PACKAGE / "sla" / "schemas" / "sla-events.v1.json",
}
Schema = dict[str, Any]


def load(topic: str) -> Schema:
    schema: Schema = json.loads(SCHEMAS[topic].read_text(encoding="utf-8"))
    return schema


def section(topic: str) -> str:
    """The part of the reference under the topic's heading."""
    parts = re.split(r"^## ", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = (part for part in parts if part.startswith(f"`{topic}`"))
    return found


def rows(topic: str) -> list[str]:
    """One table row a field: dotted path, type, description."""
    schema = load(topic)
    return [f"| `{path}` | {kind} | {text} |" for path, kind, text in _fields(schema, schema, "")]


def _fields(root: Schema, schema: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for name, given in schema.get("properties", {}).items():
        field = _resolved(root, given)
        inner = f"{path}.{name}" if path else name
        if field.get("type") == "array":
            item = _resolved(root, field["items"])
            yield inner, f"list of {_kind(item)}s", field.get("description", "")
            yield from _fields(root, item, f"{inner}[]")
        else:
            yield inner, _kind(field), field.get("description", "")
            yield from _fields(root, field, inner)


def _resolved(root: Schema, field: Schema) -> Schema:
    """The field with its reference followed; of a choice with null, the other one, marked as nullable."""
    if "$ref" in field:
        target = root["$defs"][field["$ref"].removeprefix("#/$defs/")]
        return _resolved(root, {**target, **{key: value for key, value in field.items() if key != "$ref"}})
    for choice in ("anyOf", "oneOf"):
        if choice in field:
            (other,) = (option for option in field[choice] if option.get("type") != "null")
            resolved = _resolved(root, other)
            described = {key: field[key] for key in ("description",) if key in field}
            return {**resolved, **described, "nullable": True}
    return field


def _kind(field: Schema) -> str:
    kinds = field.get("type", "string" if "enum" in field else "integer")
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    nullable = field.get("nullable") or "null" in (field.get("type") or ())
    words = f"one of {', '.join(field['enum'])}" if "enum" in field else kinds[0]
    return f"{words} or null" if nullable else words


@pytest.mark.parametrize("topic", SCHEMAS)
def test_every_field_of_the_schema_is_in_the_reference_in_the_same_words(topic: str) -> None:
    listed = [line for line in section(topic).splitlines() if line.startswith("| `")]
    assert listed == rows(topic)


@pytest.mark.parametrize("topic", SCHEMAS)
def test_every_example_is_valid(topic: str) -> None:
    examples = re.findall(r"```json\n(.*?)```", section(topic), flags=re.DOTALL)
    assert examples
    for example in examples:
        jsonschema.Draft202012Validator(load(topic)).validate(json.loads(example))


@pytest.mark.parametrize("topic", SCHEMAS)
def test_schemas_are_schemas(topic: str) -> None:
    jsonschema.Draft202012Validator.check_schema(load(topic))


if __name__ == "__main__":
    for each in SCHEMAS:
        print(f"## `{each}`\n", *rows(each), "", sep="\n")
