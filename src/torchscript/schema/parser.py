"""Schema text → `Schema`.

aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1) -> Tensor
aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from .. import types as T
from .codes import DTYPES, LAYOUTS, MEMORY_FORMATS
from .model import ANY_CLASS, ANY_ENUM, NO_DEFAULT, AliasInfo, Argument, Schema

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j? | -?inf | -?nan)(?![\w])
      | (?P<name>[A-Za-z_][\w]*(?:(?:\.|::)[A-Za-z_]\w*)*)
      | (?P<mark>->|\.\.\.|[()\[\],=*?!|:])
    )""",
    re.VERBOSE,
)

_NAMED_TYPES: dict[str, T.Type] = {
    "Tensor": T.TENSOR,
    "int": T.INT,
    "SymInt": T.INT,
    "float": T.FLOAT,
    "bool": T.BOOL,
    "SymBool": T.BOOL,
    "complex": T.COMPLEX,
    "str": T.STRING,
    "Dimname": T.STRING,
    "Scalar": T.NUMBER,
    "number": T.NUMBER,
    "ScalarType": T.DTYPE,
    "Layout": T.LAYOUT,
    "MemoryFormat": T.MEMORY_FORMAT,
    "Device": T.DEVICE,
    "Generator": T.GENERATOR,
    "Stream": T.STREAM,
    "Storage": T.STORAGE,
    "QScheme": T.QSCHEME,
    "Capsule": T.CAPSULE,
    "PyObject": T.PYOBJECT,
    "Function": T.FUNCTION,
    "Any": T.ANY,
    "NoneType": T.NONE,
    "None": T.NONE,
    "AnyEnumType": ANY_ENUM,
    "AnyClassType": ANY_CLASS,
}

_NAMED_DEFAULTS: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "true": True,
    "false": False,
    # how native_functions.yaml writes them; the dispatcher prints their codes
    "Mean": 1,
    "Sum": 2,
    "contiguous_format": MEMORY_FORMATS[0],
    "preserve_format": MEMORY_FORMATS[1],
    "long": DTYPES[4],
    "float": DTYPES[6],
    "strided": LAYOUTS[0],
}

_CODED: dict[T.Type, dict[int, Any]] = {
    T.DTYPE: dict(DTYPES),
    T.LAYOUT: dict(LAYOUTS),
    T.MEMORY_FORMAT: dict(MEMORY_FORMATS),
}


@cache
def parse_schema(text: str) -> Schema:
    """The schema that `text` writes; the same object for the same text. ValueError where it does not parse.

    >>> schema = parse_schema("aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False) -> Tensor")
    >>> schema.arguments[1].fixed_size, str(schema.arguments[1].type), schema.arguments[2].default
    (1, 'int[]?', False)
    """
    return _Parser(text).schema()


def parse_schema_type(text: str) -> T.Type:
    """A type as schemas write it: `Tensor?[]`, `Dict(str, t)`, `SymInt[2]`.

    >>> parse_schema_type("Tensor?[]").annotation()
    'List[Optional[Tensor]]'
    """
    parser = _Parser(text)
    type = parser.argument_type()[0]
    parser.end()
    return type


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int, int]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise self.error("unexpected character", position)
            kind = found.lastgroup or ""
            self.tokens.append((kind, found[kind], found.start(kind), found.end()))
            position = found.end()
        self.tokens.append(("end", "", len(text), len(text)))
        self.at = 0

    def error(self, message: str, position: int | None = None) -> ValueError:
        where = self.tokens[self.at][2] if position is None else position
        return ValueError(f"{message} at column {where} of the schema '{self.text}'")

    # --- tokens --------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        return self.tokens[self.at][1]

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    def accept(self, text: str) -> bool:
        if self.token == text and self.kind != "string":
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.error(f"expected '{text}'")

    def name(self) -> str:
        if self.kind != "name" and self.token not in ("nan", "inf"):
            raise self.error("expected a name")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def end(self) -> None:
        if self.kind != "end":
            raise self.error("expected the end")

    # --- schema --------------------------------------------------------------------------------------

    def schema(self) -> Schema:
        # Overload names may be Python keywords or begin with digits, so the head is not made of tokens.
        head = self.text.partition("(")[0].strip()
        namespace, _, rest = head.rpartition("::")
        name, _, overload = rest.partition(".")
        if namespace:
            name = f"{namespace}::{name}"
        while self.token != "(":
            if self.kind == "end":
                raise self.error("expected '('")
            self.at += 1
        self.expect("(")
        arguments, is_vararg = self.arguments()
        self.expect("->")
        is_varret = False
        returns: tuple[Argument, ...]
        if self.accept("..."):
            returns, is_varret = (), True
        elif self.accept("("):
            returns, is_varret = self.arguments(are_results=True)
        else:
            returns = (self.argument(is_result=True),)
        self.end()
        return Schema(name, overload, arguments, returns, is_vararg, is_varret)

    def arguments(self, are_results: bool = False) -> tuple[tuple[Argument, ...], bool]:
        """Arguments up to the closing parenthesis, and whether '...' stood at their end."""
        found: list[Argument] = []
        kwarg_only = False
        while not self.accept(")"):
            if found or kwarg_only:
                self.expect(",")
            if self.accept("..."):
                self.expect(")")
                return tuple(found), True
            if not are_results and not kwarg_only and self.accept("*"):
                kwarg_only = True
            else:
                found.append(self.argument(kwarg_only, are_results))
        return tuple(found), False

    def argument(self, kwarg_only: bool = False, is_result: bool = False) -> Argument:
        start = self.tokens[self.at][2]
        type, alias, fixed_size = self.argument_type()
        spelling = self.text[start : self.tokens[self.at - 1][3]]
        name = self.name() if not is_result or self.kind == "name" else ""
        default: Any = NO_DEFAULT
        if self.accept("="):
            default = self.default(type)
            bare = type.element if isinstance(type, T.OptionalType) else type
            if fixed_size is not None and isinstance(default, int | float) and isinstance(bare, T.ListType):
                default = [default] * fixed_size
        return Argument(name, type, default, kwarg_only, alias, fixed_size, spelling)

    # --- types ---------------------------------------------------------------------------------------

    def argument_type(self) -> tuple[T.Type, AliasInfo | None, int | None]:
        """A type with what only an argument's type has: alias letters, and the size of `int[2]`."""
        type = self.base_type()
        alias = self.alias()
        fixed_size: int | None = None
        while True:
            if self.accept("["):
                type = T.ListType(type)
                if alias is not None:
                    alias = AliasInfo(alias.before, alias.after, alias.is_write, of_elements=True)
                if self.kind == "number":
                    fixed_size = int(self.token)
                    self.at += 1
                self.expect("]")
                alias = self.alias() or alias
            elif self.accept("?"):
                type = T.optional(type)
                alias = self.alias() or alias
            else:
                return type, alias, fixed_size

    def base_type(self) -> T.Type:
        if self.accept("("):
            elements: list[T.Type] = []
            while not self.accept(")"):
                if elements:
                    self.expect(",")
                elements.append(self.argument_type()[0])
            return T.TupleType(tuple(elements))
        name = self.name()
        known = _NAMED_TYPES.get(name)
        if known is not None:
            return known
        if name in ("Dict", "Future", "Await", "RRef", "Union", "Tuple", "List", "Optional") and self.accept(
            "("
        ):
            inner = [self.argument_type()[0]]
            while self.accept(","):
                inner.append(self.argument_type()[0])
            self.expect(")")
            return _built(name, inner)
        if "." in name:
            return T.CustomClassType(name)
        if name[0].islower():
            return T.TypeVariable(name)
        raise self.error(f"unknown type '{name}'", self.tokens[self.at - 1][2])

    def alias(self) -> AliasInfo | None:
        if not self.accept("("):
            return None
        before, is_write = self.alias_sets()
        after = before
        if self.accept("->"):
            after, _ = self.alias_sets()
        self.expect(")")
        return AliasInfo(before, after, is_write)

    def alias_sets(self) -> tuple[frozenset[str], bool]:
        sets: set[str] = set()
        is_write = False
        while True:
            sets.add("*" if self.accept("*") else self.name())
            is_write = self.accept("!") or is_write
            if not self.accept("|"):
                return frozenset(sets), is_write

    # --- defaults ------------------------------------------------------------------------------------

    def default(self, type: T.Type) -> Any:
        bare = type.element if isinstance(type, T.OptionalType) else type
        if self.accept("["):
            element = bare.element if isinstance(bare, T.ListType) else bare
            values: list[Any] = []
            while not self.accept("]"):
                if values:
                    self.expect(",")
                values.append(self.default(element))
            return values
        kind, text = self.kind, self.token
        self.at += 1
        if kind == "string":
            return _unescape(text[1:-1])
        if kind == "number":
            return _number(text, bare)
        if kind == "name" and text in _NAMED_DEFAULTS:
            return _NAMED_DEFAULTS[text]
        self.at -= 1
        raise self.error("expected a default value")


def _built(name: str, inner: list[T.Type]) -> T.Type:
    match name:
        case "Dict":
            return T.DictType(*inner)
        case "Future":
            return T.FutureType(*inner)
        case "Await":
            return T.AwaitType(*inner)
        case "Union":
            return T.union(*inner)
        case "Tuple":
            return T.TupleType(tuple(inner))
        case "List":
            return T.ListType(*inner)
        case "Optional":
            return T.optional(*inner)
        case _:
            return T.CustomClassType(f"RRef({inner[0]})")


def _number(text: str, type: T.Type) -> Any:
    if text.endswith("j"):
        return complex(text)
    is_int = re.fullmatch(r"-?\d+", text) is not None
    element = type.element if isinstance(type, T.ListType) else type
    if is_int and element in _CODED:
        return _CODED[element][int(text)]
    if not is_int or isinstance(element, T.FloatType):
        return float(text)
    return int(text)


_ESCAPES = {"n": "\n", "t": "\t", "f": "\f", "v": "\v", "r": "\r", "0": "\0"}


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)
