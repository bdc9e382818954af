"""Schemas of operators and functions: what they take, give back, change and share; and their matching."""

from .codes import DTYPES, LAYOUTS, MEMORY_FORMATS, code_of
from .conversion import Conversion, Level
from .matching import Binding, Matched, match, match_overloads
from .model import ANY_CLASS, ANY_ENUM, NO_DEFAULT, AliasInfo, Argument, Schema
from .parser import parse_schema, parse_schema_type

__all__ = [
    "ANY_CLASS",
    "ANY_ENUM",
    "DTYPES",
    "LAYOUTS",
    "MEMORY_FORMATS",
    "NO_DEFAULT",
    "AliasInfo",
    "Argument",
    "Binding",
    "Conversion",
    "Level",
    "Matched",
    "Schema",
    "code_of",
    "match",
    "match_overloads",
    "parse_schema",
    "parse_schema_type",
]
