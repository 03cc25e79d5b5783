"""Random calls: messages that are made from their descriptors, and bytes that are no message at all.

python -m tests.unit.retrieval.fuzzing 100000
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FieldDescriptor as Field

from foresight.retrieval.guard import REQUESTS
from foresight.store import Store, migrate, open_store
from tests.unit.retrieval.rooms import BEARER, RUNS, channel_to, fill, reader

ALLOWED: Final = {
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
}  # fmt: skip
METHODS: Final = [
    *(name for name in REQUESTS if "Watch" not in name),
    "/foresight.retrieval.v1.RetrievalService/None",
]
_WORDS: Final = (
    "", "kept", "drawn", "default", "host", "h1", "h[12]", "(", "shop", "\0", "é\U0001f600", "%s{{7*7}}",
    "'; DROP TABLE series; --", "a" * 2_000, "__name__", " ", "\u202e", "c2hvcA==",
)  # fmt: skip
_NUMBERS: Final = (0, 1, -1, 2, 3, 7, 60, RUNS[0], RUNS[1], 2**31 - 1, -(2**31))
_LARGE: Final = (*_NUMBERS, 2**63 - 1, -(2**63), 253_402_300_799, 253_402_300_800)
_AT_ONCE: Final = 16


class Fuzzer:
    """Requests for one method after the other; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret is made here
        self.tokens: list[str] = []

    def call(self) -> tuple[str, bytes, Any]:
        """Path, bytes and metadata."""
        path = self._random.choice(METHODS)
        message = REQUESTS.get(path)
        if message is None or self._random.random() < 0.2:
            data = self._bytes()
        else:
            data = self._message(message.DESCRIPTOR, 0, message).SerializeToString()
            if self._random.random() < 0.3:
                data = self._mutated(data)
        tokens: tuple[Any, ...] = (BEARER,) * 20 + ((), (("authorization", "Bearer weak"),))
        return path, data, self._random.choice(tokens)

    def _bytes(self) -> bytes:
        if self._random.random() < 0.02:
            return bytes(70_000)
        return self._random.randbytes(self._random.choice((0, 1, 2, 5, 20, 200, 2_000)))

    def _mutated(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randint(0, len(changed))
            kind = self._random.randrange(3)
            if kind == 0:
                changed[at:at] = self._random.randbytes(self._random.randint(1, 3))
            elif kind == 1:
                del changed[at : at + self._random.randint(1, 3)]
            elif at < len(changed):
                changed[at] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _message(self, descriptor: Any, depth: int, message: Any) -> Any:
        made = message()
        for field in descriptor.fields:
            often = 0.05 if field.name == "query" else 0.5
            if self._random.random() < often and depth < 4:
                self._fill(made, field, depth)
        return made

    def _fill(self, made: Any, field: Any, depth: int) -> None:
        n = self._random.choice((0, 1, 1, 2, 3, 70)) if field.is_repeated else 1
        if field.message_type is not None:
            for _ in range(n):
                inner = getattr(made, field.name)
                target = inner.add() if field.is_repeated else inner
                target.SetInParent()
                target.MergeFrom(self._message(field.message_type, depth + 1, type(target)))
            return
        values = [self._value(field) for _ in range(n)]
        if field.is_repeated:
            getattr(made, field.name).extend(values)
        else:
            setattr(made, field.name, values[0])

    def _value(self, field: Any) -> Any:
        if field.name == "page_token" and self.tokens and self._random.random() < 0.7:
            return self._random.choice(self.tokens)
        makers: dict[int, Callable[[], Any]] = {
            Field.TYPE_STRING: lambda: self._random.choice(_WORDS),
            Field.TYPE_BYTES: self._bytes,
            Field.TYPE_BOOL: lambda: self._random.random() < 0.5,
            Field.TYPE_INT32: lambda: self._random.choice(_NUMBERS),
            Field.TYPE_INT64: lambda: self._random.choice(_LARGE),
            Field.TYPE_ENUM: lambda: self._random.choice((0, 1, 2, 3, 4, 7, 99, -1)),
        }
        return makers[field.type]()


async def fuzz(store: Store, n_calls: int, seed: int) -> tuple[Counter[str], list[Any]]:
    """How often each code came back, and the calls that got one that is not allowed."""
    fuzzer, codes, wrong = Fuzzer(seed), Counter[str](), []
    async with channel_to(reader(store)) as channel:
        for start in range(0, n_calls, _AT_ONCE):
            calls = [fuzzer.call() for _ in range(min(_AT_ONCE, n_calls - start))]
            found = await asyncio.gather(*(_code(channel, *call) for call in calls))
            codes.update(code for code, _ in found)
            wrong += [
                (code, call) for (code, _), call in zip(found, calls, strict=True) if code not in ALLOWED
            ]
            _learn_tokens(fuzzer, calls, found)
    return codes, wrong


def _learn_tokens(fuzzer: Fuzzer, calls: list[Any], found: list[tuple[str, bytes]]) -> None:
    from google.protobuf.message_factory import GetMessageClass

    from foresight.retrieval.v1 import retrieval_pb2 as pb

    for (path, _, _), (_, data) in zip(calls, found, strict=True):
        method = pb.DESCRIPTOR.services_by_name["RetrievalService"].methods_by_name.get(
            path.rsplit("/", 1)[1]
        )
        if method is not None and data:
            token = GetMessageClass(method.output_type).FromString(data).next_page_token
            fuzzer.tokens = [*fuzzer.tokens[-40:], token]


async def _code(channel: Any, path: str, data: bytes, metadata: Any) -> tuple[str, bytes]:
    """The code of a call whose request is these bytes, and its first answer."""
    kinds = {"ServerReflectionInfo": channel.stream_stream, "GetDickeyFuller": channel.unary_unary}
    name = path.rsplit("/", 1)[1]
    kind = kinds.get(name, channel.unary_unary if name in {"Check", "None"} else channel.unary_stream)
    call_of = kind(path, request_serializer=lambda b: b, response_deserializer=lambda b: b)
    first = b""
    try:
        if name == "ServerReflectionInfo":
            call = call_of(iter([data]), metadata=metadata, timeout=60)
        else:
            call = call_of(data, metadata=metadata, timeout=60)
        if hasattr(call, "__aiter__"):
            async for answer in call:
                first = first or answer
        else:
            first = await call
    except grpc.aio.AioRpcError as error:
        return error.code().name, b""
    return "OK", first


def main(n_calls: int, seed: int = 1) -> int:
    """Fuzzes a server on a store of its own; 1 where a code came back that is not allowed."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'results.db'}")
        migrate(store)
        fill(store)
        codes, wrong = asyncio.run(fuzz(store, n_calls, seed))
        store.close()
    print(dict(codes), *wrong[:20], sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *(int(word) for word in sys.argv[2:])))
