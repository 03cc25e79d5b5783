"""Performance events spoilt at random: bits, fields, types, order, duplicates, encodings."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from foresight.slices.recording import messages, simulate

NASTY: list[Any] = [
    None, "", "null", True, -1, 0, 1, 3.5, 1e308, 10**30, -(10**400), "5813.0", "1_000", "NaN", float("nan"),
    float("inf"), [], {}, [[]], {"p": 1}, "٣", "\ud800", "\x00", "01-B989BD", "a" * 300, [1, [2, [3]]],
]  # fmt: skip
Path = list[str | int]


def _paths(node: Any, here: Path) -> list[Path]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [here] if here else []
    for key, child in items:
        found += _paths(child, [*here, key])
    return found


def _field(rng: random.Random, event: Any) -> Any:
    """Replace, drop, double or shuffle something anywhere in the event."""
    path = rng.choice(_paths(event, []))
    parent = event
    for step in path[:-1]:
        parent = parent[step]
    change = rng.randrange(5)
    if change == 0:
        del parent[path[-1]]
    elif change == 1 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[path[-1]]))
    elif change == 2 and isinstance(parent, list):
        rng.shuffle(parent)
    else:
        parent[path[-1]] = copy.deepcopy(rng.choice(NASTY))
    return event


def _bytes(rng: random.Random, message: bytes) -> bytes:
    """Flip, cut, insert or repeat bytes."""
    at = rng.randrange(len(message))
    change = rng.randrange(5)
    if change == 0:
        return message[:at] + bytes([message[at] ^ (1 << rng.randrange(8))]) + message[at + 1 :]
    if change == 1:
        return message[:at]
    if change == 2:
        return message[:at] + rng.randbytes(rng.randrange(1, 5)) + message[at:]
    if change == 3:
        return message[:at] + message[max(0, at - 40) :]
    return b"[" * rng.randrange(1, 3000) + message


def mutated(rng: random.Random, event: Any) -> bytes:
    """One message made of ``event`` with up to three changes, in one of the shapes that gateways send."""
    found = copy.deepcopy(event)
    for _ in range(rng.randrange(4)):
        found = _field(rng, found) if _paths(found, []) else found
    shapes: list[Callable[[Any], Any]] = [
        lambda e: e,
        lambda e: [json.dumps(e)],
        lambda e: e.get("event", e),
        lambda e: [e, json.dumps(e), e],
        json.dumps,
    ]
    text = json.dumps(rng.choice(shapes)(found), ensure_ascii=rng.random() < 0.9)
    encoding = rng.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-32-le", "latin-1"])
    message = text.encode(encoding, errors="replace")
    return _bytes(rng, message) if message and rng.random() < 0.4 else message


def spoilt(seed: int, n: int) -> Iterator[bytes]:
    """``n`` events of a few cells, slices and periods, each spoilt; the same seed, the same events."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    recordings = [
        simulate(2, 24, seed + number, start=1_767_225_600, snssai=snssai)
        for number, snssai in enumerate(("01-B989BD", "02-A"))
    ]
    whole = [json.loads(value) for each in recordings for _, _, value in messages(each)]
    for _ in range(n):
        yield mutated(rng, rng.choice(whole))
