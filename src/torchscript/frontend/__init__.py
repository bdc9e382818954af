"""Python source → IR."""

from ..errors import NotSupportedError

# The modules of statements and of expressions need each other: they are loaded from here, always in one order.
from . import generators, iterators, matching, statements, tries

__all__ = ["NotSupportedError", "generators", "iterators", "matching", "statements", "tries"]
