"""Whether a number in a record decides how large an array of the graph becomes.

Such a model scores the records it was tried with, and takes all memory at the next one. So values that come
from inputs are followed through the graph; where one reaches an operand that sets a size, the model is
refused. The shape of an array is no such value: it is bounded by the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from foresight.scoring.errors import UnsupportedModel

SIZED_BY: Final[Mapping[str, tuple[int, ...]]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Tile": (1, 2),
    "Upsample": (1,),
}
"""Operators of ai.onnx that make arrays as large as an operand says, and the places of such operands.
Source: the operator schemas of ONNX 1.23."""
_MEASURES: Final = frozenset({"Shape", "Size"})


def check_sizes(graph: Any) -> None:
    """Raises ``UnsupportedModel`` with the operator and the array that sets its size."""
    constant = {tensor.name for tensor in graph.initializer}
    constant |= {tensor.values.name for tensor in graph.sparse_initializer}
    _follow(graph, {given.name for given in graph.input} - constant)


def check_function(function: Any) -> None:
    """The same for a function of the model: anything may be given to it."""
    _follow(function, set(function.input))


def _follow(graph: Any, known: Iterable[str]) -> None:
    """``known`` are the arrays whose values come from records."""
    from_records = set(known)
    for node in graph.node:
        given = [name in from_records for name in node.input]
        for place in SIZED_BY.get(node.op_type, ()):
            if node.domain in {"", "ai.onnx"} and place < len(given) and given[place]:
                raise UnsupportedModel(
                    f"operator {node.op_type}",
                    f"makes an array as large as {node.input[place]!r:.80} says, and a record says that: "
                    "compute its size from shapes or constants",
                )
        inner = [graph for attribute in node.attribute for graph in _graphs(attribute)]
        for body in inner:
            # Whatever goes round in a body may come from a record.
            _follow(body, from_records | {given.name for given in body.input})
        if node.op_type not in _MEASURES and (any(given) or inner):
            from_records.update(node.output)


def _graphs(attribute: Any) -> list[Any]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
