"""IR → IR: one pass per file, one public function each.

Every pass takes a graph, changes it in place, and returns whether it changed anything. The graph is well
formed before and after; `torchscript.ir.verify` says so.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.graph import Graph
from .attribute_hoisting import hoist_attributes
from .batch_norm_folding import fold_batch_norms
from .common_subexpression import eliminate_common_subexpressions
from .constant_pooling import pool_constants
from .constant_propagation import propagate_constants
from .dead_code import eliminate_dead_code
from .frozen import optimize_frozen
from .fusion import fuse_operators
from .inline import inline_calls
from .list_mutation_removal import remove_list_mutation
from .list_tuple_forwarding import forward_elements
from .loop_invariants import hoist_invariants
from .loop_unrolling import unroll_loops
from .mutation_removal import remove_tensor_mutation
from .needless_casts import remove_needless_casts
from .onednn import use_onednn
from .onednn_linears import use_onednn_linears
from .peephole import apply_peepholes
from .raised_conditions import use_raised_conditions
from .ranks import ask_inputs_for_ranks
from .tensor_folding import fold_tensors
from .tuple_lowering import lower_tuples
from .unfuse import unfuse_operators, unfused

PASSES: dict[str, Callable[[Graph], bool]] = {
    "inline": inline_calls,
    "constprop": propagate_constants,
    "peephole": apply_peepholes,
    "tuples": lower_tuples,
    "forward": forward_elements,
    "cse": eliminate_common_subexpressions,
    "hoist": hoist_attributes,
    "inplace": remove_tensor_mutation,
    "lists": remove_list_mutation,
    "fold": fold_tensors,
    "ranks": ask_inputs_for_ranks,
    "raises": use_raised_conditions,
    "casts": remove_needless_casts,
    "bnfold": fold_batch_norms,
    "onednn": use_onednn,
    "linears": use_onednn_linears,
    "licm": hoist_invariants,
    "unroll": unroll_loops,
    "pool": pool_constants,
    "dce": eliminate_dead_code,
    "fuse": fuse_operators,
    "unfuse": unfuse_operators,
}
"""Passes by the names that the command line knows."""


def optimize(graph: Graph, *, rounds: int = 4) -> None:
    """Inline, then simplify until nothing changes, or `rounds` times."""
    inline_calls(graph)
    for _ in range(rounds):
        changed = propagate_constants(graph)
        changed |= apply_peepholes(graph)
        changed |= lower_tuples(graph)
        changed |= forward_elements(graph)
        changed |= eliminate_common_subexpressions(graph)
        eliminate_dead_code(graph)
        if not changed:
            break
    pool_constants(graph)
    eliminate_dead_code(graph)


__all__ = [
    "PASSES",
    "apply_peepholes",
    "ask_inputs_for_ranks",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "fold_batch_norms",
    "fold_tensors",
    "forward_elements",
    "fuse_operators",
    "hoist_attributes",
    "hoist_invariants",
    "inline_calls",
    "lower_tuples",
    "optimize",
    "optimize_frozen",
    "pool_constants",
    "propagate_constants",
    "remove_list_mutation",
    "remove_needless_casts",
    "remove_tensor_mutation",
    "unfuse_operators",
    "unfused",
    "unroll_loops",
    "use_onednn",
    "use_onednn_linears",
    "use_raised_conditions",
]
