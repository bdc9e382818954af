"""IR → Python functions that run in this process.

facts       uses, aliases, `with` pairs, ranges
folding     which nodes are written inside the expression of their user
planner     which statements there are, and when each value is alive   (plan, tails, conditions, outline)
locals      which Python local holds which value                       (names)
statements  syntax trees                                               (expressions, operations, templates, …)
function    the compiled function, at the user's lines                 (locations, linking)
"""

from .function import compile_function, emit_source
from .helpers import Future, value_has_type
from .linking import DefaultLinker, Linker

__all__ = ["DefaultLinker", "Future", "Linker", "compile_function", "emit_source", "value_has_type"]
