"""Read the types of IR text: `Dict(str, Tensor[])?`, `Float(3, 4, strides=[4, 1], …)`, `__torch__.Model`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .. import types as T
from ..codes import SCALAR_TYPES
from .scanner import Scanner

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_FIELD = re.compile(r"[A-Za-z_]\w*")
_INFO = re.compile(r"\([^()]*\)")
_CUSTOM_CLASS = "__torch__.torch.classes."

_PLAIN: dict[str, T.Type] = {
    "Tensor": T.TENSOR,
    "int": T.INT,
    "float": T.FLOAT,
    "bool": T.BOOL,
    "str": T.STRING,
    "complex": T.COMPLEX,
    "Scalar": T.NUMBER,
    "number": T.NUMBER,
    "NoneType": T.NONE,
    "None": T.NONE,
    "Any": T.ANY,
    "Device": T.DEVICE,
    "Generator": T.GENERATOR,
    "Stream": T.STREAM,
    "Storage": T.STORAGE,
    "QScheme": T.QSCHEME,
    "Function": T.FUNCTION,
    "Capsule": T.CAPSULE,
    "PyObject": T.PYOBJECT,
}

# Name → how many types it takes (None: any number), and how they make the type. PyTorch's own text has both
# `Future(int)` and `Future[int]`.
_GENERIC: dict[str, tuple[int | None, Callable[..., T.Type]]] = {
    "Future": (1, T.FutureType),
    "Await": (1, T.AwaitType),
    "Optional": (1, T.optional),
    "List": (1, T.ListType),
    "Dict": (2, T.DictType),
    "Union": (None, T.union),
    "Tuple": (None, lambda *elements: T.TupleType(elements)),
}


class TypeParser:
    """Types of one text. A class that nobody gave becomes one placeholder, so that it equals itself."""

    def __init__(self, classes: Mapping[str, T.Type] | None) -> None:
        self.classes: dict[str, T.Type] = dict(classes or {})

    def parse(self, scanner: Scanner) -> T.Type:
        start = scanner.skip()
        type = self._base(scanner, start)
        while True:
            if scanner.accept("[]"):
                type = T.ListType(type)
            elif scanner.accept("?"):
                type = T.optional(type)
            else:
                return type

    def _base(self, scanner: Scanner, start: int) -> T.Type:
        if scanner.accept("("):
            return T.TupleType(self._types(scanner, ")"))
        match = scanner.match(_NAME)
        if match is None:
            raise scanner.error("expected a type", start)
        name = match.group()
        if name in SCALAR_TYPES or (name == "Tensor" and scanner.sees("(")):
            info = scanner.match(_INFO)
            return T.TensorType(name + (info.group() if info is not None else ""))
        if name in _PLAIN:
            return _PLAIN[name]
        if name in _GENERIC:
            return self._generic(scanner, name, start)
        if name == "NamedTuple":
            return self._named_tuple(scanner)
        if name == "Enum" and scanner.accept("<"):
            qualified_name = scanner.take(_NAME, "the name of an enum")
            scanner.expect(">")
            return self._class(qualified_name, lambda: T.EnumType(qualified_name, T.ANY, ()))
        if name in self.classes:
            return self.classes[name]
        if name.startswith(_CUSTOM_CLASS):
            return self._class(name, lambda: T.CustomClassType(name))
        if name.startswith("__torch__."):
            return self._class(name, lambda: T.ClassType(name))
        raise scanner.error(f"unknown type '{name}'", start)

    def _class(self, name: str, make: Callable[[], T.Type]) -> T.Type:
        if name not in self.classes:
            self.classes[name] = make()
        return self.classes[name]

    def _generic(self, scanner: Scanner, name: str, start: int) -> T.Type:
        count, make = _GENERIC[name]
        if scanner.accept("["):
            # Tuple[()] is how annotations write the empty tuple
            inner = () if name == "Tuple" and scanner.accept("()]") else self._types(scanner, "]")
        else:
            scanner.expect("(")
            inner = self._types(scanner, ")")
        if count is not None and len(inner) != count:
            raise scanner.error(f"{name} takes {count} type{'s' * (count > 1)}, not {len(inner)}", start)
        return make(*inner)

    def _types(self, scanner: Scanner, closing: str) -> tuple[T.Type, ...]:
        types: list[T.Type] = []
        while not scanner.accept(closing):
            if types:
                scanner.expect(",")
            types.append(self.parse(scanner))
        return tuple(types)

    def _named_tuple(self, scanner: Scanner) -> T.Type:
        names: list[str] = []
        types: list[T.Type] = []
        scanner.expect("(")
        while not scanner.accept(")"):
            if names:
                scanner.expect(",")
            names.append(scanner.take(_FIELD, "the name of a field"))
            scanner.expect(":")
            types.append(self.parse(scanner))
        return T.NamedTupleType(tuple(types), "", tuple(names))
