"""Functions made from Python code that is written here: names of this project's making and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_BUILTINS = {
    "type": type, "float": float, "int": int, "str": str, "len": len,
    "LookupError": LookupError, "TypeError": TypeError, "ValueError": ValueError,
    "OverflowError": OverflowError,
}  # fmt: skip


def define(name: str, lines: Sequence[str], **names: Any) -> Any:
    """Compile the function ``name``; ``names`` is what its code may use besides a few built-in functions."""
    space: dict[str, Any] = {"__builtins__": _BUILTINS, **names}
    exec(compile("\n".join(lines), f"<{name}>", "exec"), space)  # noqa: S102
    return space[name]
