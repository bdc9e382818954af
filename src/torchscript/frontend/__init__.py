"""Python source → IR."""

from ..errors import NotSupportedError

# The modules of statements and of expressions need each other: they are loaded from here, always in one order.
from . import generators, matching, statements, tries

__all__ = ["NotSupportedError", "generators", "matching", "statements", "tries"]
