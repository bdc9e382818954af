"""Types as archived code writes them: `Dict[str, List[Tensor]]`, `Tuple[()]`, `__torch__.Point`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ... import types as T
from ...errors import CompileError

_NAMED: dict[str, T.Type] = {
    "Tensor": T.TENSOR,
    "int": T.INT,
    "float": T.FLOAT,
    "bool": T.BOOL,
    "str": T.STRING,
    "complex": T.COMPLEX,
    "number": T.NUMBER,
    "None": T.NONE,
    "NoneType": T.NONE,
    "Any": T.ANY,
    "Device": T.DEVICE,
    "Generator": T.GENERATOR,
    "Stream": T.STREAM,
    "Storage": T.STORAGE,
    "QScheme": T.QSCHEME,
    "Capsule": T.CAPSULE,
    "Function": T.FUNCTION,
    # these three in our own upgraders; printers write int
    "Layout": T.LAYOUT,
    "ScalarType": T.DTYPE,
    "MemoryFormat": T.MEMORY_FORMAT,
    # what PyTorch 1.0 called a tensor, and how printers spell devices in places
    "Dynamic": T.TENSOR,
    "device": T.DEVICE,
}


def dotted_name(node: ast.expr) -> str | None:
    """`a.b.c` as text, for a chain of attributes of a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def parse_annotation(node: ast.expr, named: Callable[[str], T.Type]) -> T.Type:
    """The type that `node` spells; `named` finds the archive's own classes. CompileError if it is none."""
    if isinstance(node, ast.Name):
        found = _NAMED.get(node.id)
        if found is None:
            raise CompileError(f"'{node.id}' is not a type")
        return found
    if isinstance(node, ast.Constant) and node.value is None:
        return T.NONE
    if isinstance(node, ast.Attribute):
        name = dotted_name(node)
        if name == "torch.device":
            return T.DEVICE
        if name is not None and name.startswith("__torch__."):
            return named(name)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        inner = [parse_annotation(part, named) for part in parts]
        made = _build(node.value.id, inner)
        if made is not None:
            return made
    raise CompileError(f"'{ast.unparse(node)}' is not a type")


def _build(name: str, inner: list[T.Type]) -> T.Type | None:
    match name, inner:
        case "Tuple", _:
            return T.TupleType(tuple(inner))
        case "Union", [_, *_]:
            return T.union(*inner)
        case "List", [element]:
            return T.ListType(element)
        case "Optional", [element]:
            return T.optional(element)
        case "Dict", [key, value]:
            return T.DictType(key, value)
        case "Future", [element]:
            return T.FutureType(element)
        case "Await", [element]:
            return T.AwaitType(element)
        case "RRef", [_]:
            raise CompileError("RRef, a reference to a value in another process, is not supported")
    return None
