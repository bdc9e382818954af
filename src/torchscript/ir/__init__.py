"""The graph that every stage reads and writes, and its text."""

from __future__ import annotations

from ..source import SourceRange
from .graph import Block, Function, Graph, Node, Value
from .printer import print_graph

__all__ = ["Block", "Function", "Graph", "Node", "SourceRange", "Value", "print_graph"]
