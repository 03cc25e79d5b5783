"""What is generated from the protocol: the Python code beside it, and the reference in the docs.

    python -m foresight.retrieval.generation docs/retrieval-reference.md

It needs ``grpcio-tools``, which development has and a running installation has not.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from foresight.errors import FinalError

INCLUDE: Final = Path(__file__).parents[2]
FOLDER: Final = Path("foresight/retrieval/v1")
PROTO: Final = FOLDER / "retrieval.proto"
GENERATED: Final = ("retrieval_pb2.py", "retrieval_pb2.pyi", "retrieval_pb2_grpc.py")

_SERVICE, _METHOD = 6, 2
_MESSAGE, _ENUM = 4, 5
_FIELD, _VALUE = 2, 2
"""Numbers of fields in ``descriptor.proto``, which paths to comments are made of."""
_SCALARS: Final = {1: "double", 3: "int64", 5: "int32", 8: "bool", 9: "string"}


def generate(target: Path) -> None:
    """Writes the Python code below ``target``. Raises ``FinalError``."""
    _compile(f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}")


def reference() -> str:
    """The protocol as a page of Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set"
        _compile(f"--descriptor_set_out={path}", "--include_source_info")
        (file,) = FileDescriptorSet.FromString(path.read_bytes()).file
    said = {tuple(where.path): _one_line(where.leading_comments) for where in file.source_code_info.location}
    return "\n".join([*_head(file, said), *_methods(file, said), *_types(file, said)]) + "\n"


def _compile(*options: str) -> None:
    from grpc_tools import protoc

    own = files("grpc_tools") / "_proto"
    if protoc.main(["protoc", f"-I{INCLUDE}", f"-I{own}", *options, str(PROTO)]):
        raise FinalError(f"{PROTO} does not compile")


def _one_line(comment: str) -> str:
    return " ".join(comment.split())


def _head(file: Any, said: dict[tuple[int, ...], str]) -> Iterator[str]:
    yield "# The retrieval service, field by field"
    yield ""
    yield "Generated from `include/foresight/retrieval/v1/retrieval.proto`."
    yield "[retrieval.md](retrieval.md) is the guide."
    yield ""
    yield f"Service `{file.package}.{file.service[0].name}`: {said[_SERVICE, 0]}"
    yield ""


def _methods(file: Any, said: dict[tuple[int, ...], str]) -> Iterator[str]:
    yield "| method | answers | |"
    yield "| --- | --- | --- |"
    for row, method in enumerate(file.service[0].method):
        how = (
            f"stream of `{_short(method.output_type)}`"
            if method.server_streaming
            else f"`{_short(method.output_type)}`"
        )
        what = said[_SERVICE, 0, _METHOD, row]
        yield f"| `{method.name}` (`{_short(method.input_type)}`) | {how} | {what} |"
    yield ""


def _types(file: Any, said: dict[tuple[int, ...], str]) -> Iterator[str]:
    for number, message in enumerate(file.message_type):
        yield from (
            f"## {message.name}",
            said[_MESSAGE, number],
            "",
            "| field | number | type | |",
            "| --- | --- | --- | --- |",
        )
        maps = {f".{file.package}.{message.name}.{inner.name}": inner for inner in message.nested_type}
        for row, field in enumerate(message.field):
            comment = said[_MESSAGE, number, _FIELD, row]
            yield f"| `{field.name}` | {field.number} | {_type(message, field, maps)} | {comment} |"
        yield ""
    for number, enum in enumerate(file.enum_type):
        yield from (f"## {enum.name}", said[_ENUM, number], "", "| value | number | |", "| --- | --- | --- |")
        for row, value in enumerate(enum.value):
            yield f"| `{value.name}` | {value.number} | {said[_ENUM, number, _VALUE, row]} |"
        yield ""


def _type(message: Any, field: Any, maps: dict[str, Any]) -> str:
    if field.type_name in maps:
        key, value = maps[field.type_name].field
        return f"map of {_SCALARS[key.type]} to {_SCALARS[value.type]}"
    name = _SCALARS.get(field.type) or f"`{_short(field.type_name)}`"
    if field.label == field.LABEL_REPEATED:
        return f"{name}, repeated"
    if field.proto3_optional:
        return f"{name}, optional"
    return (
        f"{name}, one of `{message.oneof_decl[field.oneof_index].name}`"
        if field.HasField("oneof_index")
        else name
    )


def _short(name: str) -> str:
    return name.removeprefix(".foresight.retrieval.v1.").removeprefix(".google.protobuf.")


if __name__ == "__main__":
    generate(INCLUDE)
    Path(sys.argv[1]).write_text(reference())
