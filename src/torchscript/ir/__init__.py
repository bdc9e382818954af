"""The graph that every stage reads and writes, and its text."""

from __future__ import annotations

from ..source import SourceRange
from .graph import Block, Function, Graph, Node, Value
from .parser import parse_graph
from .printer import print_graph
from .verifier import verify

__all__ = [
    "Block",
    "Function",
    "Graph",
    "Node",
    "SourceRange",
    "Value",
    "parse_graph",
    "print_graph",
    "verify",
]
