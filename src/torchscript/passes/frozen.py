"""What is worth doing once the attributes of a module are constants.

constant folding, tensors included    dropout                batch norms into what is before them
checks that every layer makes         writes that nobody     casts that change nothing
                                      sees
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.graph import Graph
from .batch_norm_folding import fold_batch_norms
from .common_subexpression import eliminate_common_subexpressions
from .constant_pooling import pool_constants
from .constant_propagation import propagate_constants
from .dead_code import eliminate_dead_code
from .list_mutation_removal import remove_list_mutation
from .list_tuple_forwarding import forward_elements
from .mutation_removal import remove_tensor_mutation
from .needless_casts import remove_needless_casts
from .peephole import apply_peepholes
from .raised_conditions import use_raised_conditions
from .ranks import ask_inputs_for_ranks
from .tensor_folding import fold_tensors
from .tuple_lowering import lower_tuples

_EXACT: tuple[Callable[[Graph], bool], ...] = (
    propagate_constants,
    apply_peepholes,
    lower_tuples,
    remove_list_mutation,
    forward_elements,
    remove_tensor_mutation,
    remove_needless_casts,
    ask_inputs_for_ranks,
    eliminate_common_subexpressions,
    use_raised_conditions,
    fold_tensors,
)


def optimize_frozen(graph: Graph, *, numerics: bool = True) -> None:
    """Simplify the inlined graph of a frozen module. `numerics`: also by what may change results by rounding."""
    _until_settled(graph)
    if numerics and fold_batch_norms(graph):
        _until_settled(graph)
    pool_constants(graph)
    eliminate_dead_code(graph)


def _until_settled(graph: Graph, rounds: int = 6) -> None:
    for _ in range(rounds):
        changed = False
        for one in _EXACT:
            changed |= one(graph)
        eliminate_dead_code(graph)
        if not changed:
            return
