"""Python source → IR."""

from ..errors import NotSupportedError

__all__ = ["NotSupportedError"]
