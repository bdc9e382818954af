"""Python source → IR."""

from ..errors import NotSupportedError
from . import statements  # statements and expressions contain each other: their modules load from here, in one order

__all__ = ["NotSupportedError", "statements"]
