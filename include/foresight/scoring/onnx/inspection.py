"""What an ONNX file asks for, before anything of it is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.onnx.sizes import check_function, check_sizes

DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
ENDLESS: Final = frozenset({"Loop"})
"""Operators that may go on for as long as they like."""
MAX_NODES: Final = 500_000


def inspect(data: bytes) -> Any:
    """The parsed model. Raises ``InvalidModel`` for what is no ONNX file, ``UnsupportedModel``.

    A tensor kept in another file is refused: its name may lead anywhere on this machine.
    """
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RecursionError) as error:
        raise InvalidModel(f"the file is no ONNX model, or broken: {error}") from error
    if not model.graph.node:
        raise InvalidModel("the file is no ONNX model: it has no graph")
    for function in model.functions:
        _check_nodes(function.node)
        check_function(function)
    _check_graph(model.graph)
    check_sizes(model.graph)
    return model


def _check_graph(graph: Any) -> None:
    nodes: list[Any] = []
    graphs = [graph]
    while graphs:
        here = graphs.pop()
        _check_tensors(here.initializer)
        for sparse in here.sparse_initializer:
            _check_tensors((sparse.values, sparse.indices))
        nodes += here.node
        if len(nodes) > MAX_NODES:
            raise UnsupportedModel(f"a graph of more than {MAX_NODES} nodes")
        graphs += [inner for node in here.node for inner in _graphs(node)]
    _check_nodes(nodes)


def _graphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _check_nodes(nodes: Iterable[Any]) -> None:
    for node in nodes:
        if node.domain not in DOMAINS:
            raise UnsupportedModel(f"operator {node.op_type!r:.80} of domain {node.domain!r:.80}")
        if node.op_type in ENDLESS:
            raise UnsupportedModel(f"operator {node.op_type}", "may never end, so it is not run")
        for attribute in node.attribute:
            _check_tensors((*((attribute.t,) if attribute.HasField("t") else ()), *attribute.tensors))


def _check_tensors(tensors: Iterable[Any]) -> None:
    from onnx import TensorProto

    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise UnsupportedModel(
                f"tensor {tensor.name!r:.80}", "is kept in another file: save the model as one file"
            )
