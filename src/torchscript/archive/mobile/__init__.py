"""Modules for PyTorch's mobile interpreter: byte code in place of source."""

from .bytecode import Method, read_methods
from .flatbuffer_module import FlatbufferContainer, is_flatbuffer
from .source import source_of

__all__ = ["FlatbufferContainer", "Method", "is_flatbuffer", "read_methods", "source_of"]
