"""ZipMap left out: its mappings cost more than the model, and the columns come from the scores as well."""

from __future__ import annotations

from typing import Any


def unzip(model: Any) -> dict[str, list[str]]:
    """Makes each output of a ZipMap the scores that it would zip; gives their labels by output."""
    from onnx import TensorProto, helper

    graph = model.graph
    makers = {node.output[0]: node for node in graph.node if node.op_type == "ZipMap" and node.output}
    read = {name for node in graph.node for name in node.input}
    outputs = {out.name for out in graph.output}
    inputs = {given.name for given in graph.input} | {tensor.name for tensor in graph.initializer}
    found: dict[str, list[str]] = {}
    for name, node in makers.items():
        scores = node.input[0]
        labels = _labels(node)
        # Scores that are themselves an output, or an input, keep their name; so do mappings read further on.
        if name in outputs and name not in read and scores not in outputs | inputs and labels:
            maker = [other for other in graph.node if scores in other.output]
            readers = [other for other in graph.node if scores in other.input]
            if len(maker) != 1 or len(readers) != 1:
                continue
            graph.node.remove(node)
            maker[0].output[list(maker[0].output).index(scores)] = name
            (out,) = (out for out in graph.output if out.name == name)
            out.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
            found[name] = labels
    return found


def _labels(node: Any) -> list[str]:
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings":
            return [text.decode("utf-8", "replace") for text in attribute.strings]
        if attribute.name == "classlabels_int64s":
            return [str(number) for number in attribute.ints]
    return []
