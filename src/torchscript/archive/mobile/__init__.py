"""Modules for PyTorch's mobile interpreter: byte code in place of source."""

from .bytecode import Method, read_methods
from .source import source_of

__all__ = ["Method", "read_methods", "source_of"]
