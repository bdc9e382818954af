"""What an archive holds, found without compiling or running anything in it.

So it also tells about archives that cannot run here, for want of a library of operators.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torchscript import types as T
from torchscript.archive.importer.annotations import dotted_name
from torchscript.archive.importer.importer import CUSTOM_CLASSES
from torchscript.archive.unpickler import ScriptObject
from torchscript.errors import Error

from .results import tensors_in

if TYPE_CHECKING:
    import torch

    from torchscript.archive.reader import LoadedArchive
    from torchscript.ir.graph import Function

_SHOWN_ITEMS = 20
_SHOWN_METHODS = 8
_OWN_NAMESPACES = ("aten", "prim", "quantized")


@dataclass
class TensorRow:
    """A parameter, buffer or other tensor of a module."""

    name: str
    kind: str
    shape: list[int]
    dtype: str
    bytes: int
    requires_grad: bool
    shared_with: str | None
    tensor: torch.Tensor = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "tensor"}


@dataclass
class ModuleRow:
    """A module (or another object), what it holds, and what is below it."""

    name: str
    class_name: str
    tensors: list[TensorRow] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    children: list[ModuleRow] = field(default_factory=list)
    shared_with: str | None = None

    @property
    def own_elements(self) -> int:
        own = (row for row in self.tensors if row.kind == "parameter" and row.shared_with is None)
        return sum(row.tensor.numel() for row in own)

    def walk(self, path: str = "") -> Iterator[tuple[str, ModuleRow]]:
        """This row and all below it, with their paths."""
        yield path, self
        for child in self.children:
            yield from child.walk(f"{path}.{child.name}" if path else child.name)

    @property
    def elements(self) -> int:
        """Elements of the parameters here and below; what is shared counts once, where it stands first."""
        return sum(row.own_elements for _, row in self.walk())

    @property
    def bytes(self) -> int:
        return sum(t.bytes for _, row in self.walk() for t in row.tensors if t.shared_with is None)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "class": self.class_name,
            "parameters": self.elements,
            "bytes": self.bytes,
            "shared_with": self.shared_with,
            "methods": self.methods,
            "attributes": {
                name: {"type": type, "value": self.values.get(name)} for name, type in self.attributes.items()
            },
            "tensors": [row.as_json() for row in self.tensors],
            "children": [row.as_json() for row in self.children],
        }


def signature(function: Function) -> str:
    """A method as Python would declare it: `forward(x: Tensor, n: int = 2) -> Tensor`."""
    parts: list[str] = []
    starred = False
    for argument in function.schema.arguments[1:]:  # without the module itself
        if argument.kwarg_only and not starred:
            parts.append("*")
            starred = True
        text = f"{argument.name}: {argument.type.annotation()}"
        parts.append(f"{text} = {argument.default!r}" if argument.has_default else text)
    return f"{function.name}({', '.join(parts)}) -> {function.schema.return_type.annotation()}"


def readable(class_name: str) -> str:
    """A class's name without the numbers that PyTorch gives to classes of one name."""
    return ".".join(part for part in class_name.split(".") if not part.startswith("___torch_mangle_"))


def public_methods(archive: LoadedArchive) -> list[str]:
    """The methods of the top module that a user calls, `forward` first."""
    cls = archive.importer.class_named(archive.root.class_name)
    names = [name for name in cls.methods if not name.startswith("_")]
    return sorted(names, key=lambda name: name != "forward")[:_SHOWN_METHODS]


def is_training(archive: LoadedArchive) -> bool:
    state = archive.root.state
    return isinstance(state, dict) and state.get("training") is True


def module_tree(archive: LoadedArchive) -> ModuleRow:
    """The top object and everything below it."""
    return _Trees(archive).row("", archive.root, "")


class _Trees:
    def __init__(self, archive: LoadedArchive) -> None:
        self.archive = archive
        self.seen: dict[int, str] = {}

    def row(self, name: str, source: ScriptObject, path: str) -> ModuleRow:
        row = ModuleRow(name, source.class_name.removeprefix("__torch__."))
        first = self.seen.setdefault(id(source), path)
        if first != path:
            row.shared_with = first or "the top module"
            return row
        if source.class_name.startswith(CUSTOM_CLASSES):
            row.tensors = self.packed(source.state, path)
            return row
        cls = self.archive.importer.class_named(source.class_name)
        row.methods = [_signature(function) for function in cls.methods.values()]
        if not isinstance(source.state, dict):
            row.attributes["state"] = "what __setstate__ takes"
            row.tensors = self.packed(source.state, path)
            return row
        for key, value in source.state.items():
            declared = cls.attributes.get(key)
            if isinstance(value, ScriptObject):
                row.children.append(self.row(key, value, f"{path}.{key}" if path else key))
            elif declared is not None and _is_tensor(value):
                row.tensors.append(self.tensor(key, declared.kind.value, value, path))
            elif declared is not None and key != "_is_full_backward_hook":
                row.attributes[key] = declared.type.annotation()
                row.values[key] = _shown(value)
        return row

    def packed(self, state: Any, path: str) -> list[TensorRow]:
        return [self.tensor(name, "packed", value, path) for name, value in _tensors_in(state, "state")]

    def tensor(self, name: str, kind: str, value: torch.Tensor, path: str) -> TensorRow:
        full_name = f"{path}.{name}" if path else name
        first = self.seen.setdefault(id(value), full_name)
        return TensorRow(
            name,
            kind,
            list(value.shape),
            str(value.dtype).removeprefix("torch."),
            value.numel() * value.element_size(),
            value.requires_grad,
            first if first != full_name else None,
            value,
        )


def _tensors_in(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what an object's __setstate__ takes, as weights that are packed when it is made."""
    for path, item in tensors_in(value, name):
        if _is_tensor(item):
            yield path, item
        elif isinstance(item, ScriptObject):
            yield from _tensors_in(item.state, path)


def _shown(value: Any) -> str:
    """The value of an attribute in at most a line; tensors in it by their shapes."""
    if isinstance(value, list | tuple):
        inner = ", ".join(_shown(item) for item in value[:_SHOWN_ITEMS])
        inner += f", … {len(value)} in all" if len(value) > _SHOWN_ITEMS else ""
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_shown(k)}: {_shown(v)}' for k, v in list(value.items())[:_SHOWN_ITEMS])}}}"
    if isinstance(value, ScriptObject):
        return f"an object of {value.class_name}"
    return f"{value.dtype} {list(value.shape)}" if _is_tensor(value) else repr(value)


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _signature(function: Function) -> str:
    try:
        return signature(function)
    except Error as error:
        return f"{function.name}: {str(error).splitlines()[0]}"


def operators_used(archive: LoadedArchive) -> Counter[str]:
    """How often the code names each operator, called or not, with its namespace."""
    counts: Counter[str] = Counter()
    for statement in _definitions(archive):
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                name = dotted_name(node.func)
                head, _, rest = (name or "").partition(".")
                if head == "torch" and rest.isidentifier():
                    counts[f"aten::{rest}"] += 1
                elif head == "ops" and rest.count(".") == 1:
                    counts[rest.replace(".", "::")] += 1
    return counts


def _definitions(archive: LoadedArchive) -> Iterator[ast.stmt]:
    """Every class (without its methods), method and function."""
    for file in archive.importer.code_files():
        for definition in file.definitions.values():
            yield definition.parse()
            for method in definition.methods.values():
                yield method.parse(indented=True)


@dataclass
class Custom:
    """What an archive needs besides PyTorch: operators by name and whether this process has them; C++ classes."""

    operators: dict[str, bool]
    classes: list[str]


def custom_parts(archive: LoadedArchive, used: Counter[str], tree: ModuleRow) -> Custom:
    from torchscript.operators.dispatcher import schemas_of

    operators = {
        name: bool(schemas_of(name))
        for name in sorted(used)
        if name.partition("::")[0] not in _OWN_NAMESPACES
    }
    prefix = CUSTOM_CLASSES.removeprefix("__torch__.")
    classes = {
        row.class_name.removeprefix(prefix) for _, row in tree.walk() if row.class_name.startswith(prefix)
    }
    for type in archive.importer.types.values():
        if isinstance(type, T.CustomClassType):
            classes.add(type.qualified_name.removeprefix(CUSTOM_CLASSES))
    return Custom(operators, sorted(name for name in classes if not name.startswith("quantized.")))
