"""What a registry had in use before, told from its changes: a stack, so going back twice goes back by two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Move = Literal["put", "amend", "back", "clear"]


def stack_of(moves: Iterable[tuple[Move, Any, Any]]) -> list[tuple[Any, Any]]:
    """The versions in use, each with its details, the present one last.

    A move is (what, version, details), the oldest first: ``put`` lays a version on top, ``amend`` gives the
    top other details, ``back`` returns to the newest entry of that version, ``clear`` takes all away.
    """
    stack: list[tuple[Any, Any]] = []
    for what, version, details in moves:
        if what == "clear":
            stack = []
            continue
        if what == "amend":
            del stack[-1:]
        if what == "back":
            while stack and stack[-1][0] != version:
                stack.pop()
            del stack[-1:]
        stack.append((version, details))
    return stack
