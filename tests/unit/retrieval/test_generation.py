"""What is generated is what the protocol says now, and the protocol follows Buf's STANDARD rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foresight.retrieval import generation
from foresight.retrieval.v1 import retrieval_pb2 as pb

DOCS = Path(__file__).parents[3] / "docs"


def test_the_committed_code_is_what_the_protocol_generates(tmp_path: Path) -> None:
    generation.generate(tmp_path)
    for name in generation.GENERATED:
        made = (tmp_path / generation.FOLDER / name).read_text()
        assert made == (generation.INCLUDE / generation.FOLDER / name).read_text(), f"{name}: make proto"


def test_the_reference_is_what_the_protocol_says() -> None:
    assert (DOCS / "retrieval-reference.md").read_text() == generation.reference(), "make proto"


def test_every_part_of_the_protocol_is_explained() -> None:
    rows = [line for line in generation.reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [line for line in rows if line.rstrip().endswith("|  |")] == []


@pytest.mark.parametrize("message", pb.DESCRIPTOR.message_types_by_name.values(), ids=lambda one: one.name)
def test_names_of_messages_and_fields_follow_the_standard(message: object) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+", message.name)  # type: ignore[attr-defined] # a descriptor
    for field in message.fields:  # type: ignore[attr-defined] # the same
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)


def test_names_of_enums_methods_and_files_follow_the_standard() -> None:
    assert pb.DESCRIPTOR.name == "foresight/retrieval/v1/retrieval.proto"
    assert pb.DESCRIPTOR.package == "foresight.retrieval.v1"
    for enum in pb.DESCRIPTOR.enum_types_by_name.values():
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper()
        assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"
        assert all(value.name.startswith(f"{prefix}_") for value in enum.values)
    [service] = pb.DESCRIPTOR.services_by_name.values()
    assert service.name.endswith("Service")
    for method in service.methods:
        assert method.input_type.name == f"{method.name}Request"
        assert method.output_type.name == f"{method.name}Response"
