"""Remove casts to the dtype that a tensor has for certain.

    %c : Tensor = aten::conv2d(%x, %w, …)             %c : Tensor = aten::conv2d(%x, %w, …)
    %s : Tensor = aten::add(%c, %c, %one)        →    %s : Tensor = aten::add(%c, %c, %one)
    %t : Tensor = aten::type_as(%s, %c)               %y : Tensor = aten::relu(%s)
    %y : Tensor = aten::relu(%t)

A convolution's result has the dtype of its weight, and so on: `tensor_facts` says what is certain. With autocast in the
graph, nothing is.
"""

from __future__ import annotations

from ..ir.graph import Graph
from .effects import nodes_in_autocast
from .patterns import key_of, replace
from .tensor_facts import TensorFacts


def remove_needless_casts(graph: Graph) -> bool:
    """Remove `type_as` where it changes nothing; True if there was one."""
    if nodes_in_autocast(graph):
        return False
    facts = TensorFacts()
    changed = False
    for node in list(graph.all_nodes()):
        if key_of(node) == "aten::type_as" and facts.dtype(node.inputs[0]) == facts.dtype(node.inputs[1]):
            replace(node, node.inputs[0])
            changed = True
    return changed
