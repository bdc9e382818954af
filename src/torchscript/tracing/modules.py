"""The modules below the traced one: where they are, their classes, and whose parameters and buffers are
whose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import types as T
from ..errors import TracingError
from ..types import AttributeKind, ClassAttribute, ClassType

Path = tuple[str, ...]
"""The names of attributes that lead from the traced module to one inside it; empty for itself."""


@dataclass(slots=True)
class Tensor:
    """A parameter, buffer or plain tensor attribute: the paths under which it can be reached."""

    tensor: torch.Tensor
    places: list[tuple[Path, str]]


def qualified_name(obj: Any) -> str:
    """The name of a class or function in IR and archives: `__torch__.package.module.Name`."""
    name = getattr(obj, "__name__", type(obj).__name__)
    if name == "<lambda>":
        name = "_lambda"
    module = getattr(obj, "__module__", None) or "__main__"
    parts = [] if module == "__main__" else module.replace("<", "_").replace(">", "_").split(".")
    return ".".join(["__torch__", *parts, name])


class ModuleTree:
    """The traced module and all modules inside it; empty when a function is traced.

    While recording, each module has a class of its own, as its graphs are its own; a module that stands in
    several places has one. `share_classes` merges them.
    """

    def __init__(self, root: nn.Module | None) -> None:
        self.root = root
        self.paths: dict[int, Path] = {}
        self.modules: dict[Path, nn.Module] = {}
        self.classes: dict[int, ClassType] = {}
        self.tensors: dict[int, Tensor] = {}
        self.used_plain: set[tuple[int, str]] = set()
        self._attributes: dict[int, dict[str, torch.Tensor]] = {}
        if root is not None:
            self._add(root, (), frozenset())

    def _add(self, module: nn.Module, path: Path, above: frozenset[int]) -> None:
        if id(module) in above:
            raise TracingError(f"The module at '{'.'.join(path)}' contains itself; a trace cannot hold that.")
        first = id(module) not in self.paths
        self.paths.setdefault(id(module), path)
        self.modules[path] = module
        if first:
            compiled = getattr(module, "_ts_class", None)
            self.classes[id(module)] = compiled if compiled is not None else _new_class(module)
            self._attributes[id(module)] = tensor_attributes(module)
        for name, tensor in self._attributes[id(module)].items():
            if torch.nn.parameter.is_lazy(tensor):
                where = ".".join((*path, name))
                raise TracingError(
                    f"The parameter '{where}' has no shape yet. Call the module once, so that its lazy "
                    f"modules learn "
                    "their sizes, and trace it then."
                )
            known = self.tensors.get(id(tensor))
            if known is None:
                self.tensors[id(tensor)] = known = Tensor(tensor, [])
            known.places.append((path, name))
        for name, child in module._modules.items():
            if child is not None:
                self._add(child, (*path, name), above | {id(module)})

    def own_classes(self) -> list[ClassType]:
        """The classes that the recording made, in the order of their modules (compiled modules have theirs)."""
        classes = (
            self.classes[id(module)]
            for module in self.modules.values()
            if getattr(module, "_ts_class", None) is None
        )
        return list(dict.fromkeys(classes))

    def __contains__(self, module: nn.Module) -> bool:
        return id(module) in self.paths

    def path_of(self, module: nn.Module) -> Path:
        return self.paths[id(module)]

    def class_at(self, path: Path) -> ClassType:
        return self.classes[id(self.modules[path])]

    def places_of(self, tensor: torch.Tensor) -> list[tuple[Path, str]] | None:
        """Where a tensor is an attribute of a module."""
        known = self.tensors.get(id(tensor))
        return known.places if known is not None and known.tensor is tensor else None

    def note_use(self, path: Path, name: str) -> None:
        """Remember that the recording reads or writes an attribute (plain tensors become attributes only
        then).
        """
        self.used_plain.add((id(self.modules[path]), name))

    def changed(self, module: nn.Module) -> list[tuple[str, torch.Tensor]]:
        """The tensor attributes of a module that Python has replaced since this was asked last."""
        before = self._attributes.get(id(module))
        if before is None:
            return []
        found = []
        for name, old in before.items():
            new = _attribute(module, name)
            if new is not old and isinstance(new, torch.Tensor):
                found.append((name, new))
        return found

    def replace(self, module: nn.Module, name: str, new: torch.Tensor) -> None:
        """Make `new` the tensor that an attribute of a module stands for."""
        old = self._attributes[id(module)][name]
        self._attributes[id(module)][name] = new
        paths = [path for path, m in self.modules.items() if m is module]
        known = self.tensors.get(id(old))
        if known is not None:
            known.places = [place for place in known.places if place not in [(p, name) for p in paths]]
            if not known.places:
                del self.tensors[id(old)]
        entry = self.tensors.get(id(new))
        if entry is None:
            self.tensors[id(new)] = entry = Tensor(new, [])
        entry.places += [(path, name) for path in paths]

    def is_plain(self, cls: ClassType, name: str) -> bool:
        """Whether an attribute of a class is neither parameter nor buffer of its module."""
        for module in self.modules.values():
            if self.classes[id(module)] is cls:
                return name not in module._parameters and name not in module._buffers
        return False

    def forget_use(self, cls: ClassType, name: str) -> None:
        """Undo `note_use`."""
        for module in self.modules.values():
            if self.classes[id(module)] is cls:
                self.used_plain.discard((id(module), name))

    def finish_classes(self) -> None:
        """Give every class the attributes of its module."""
        done: set[int] = set()
        for module in self.modules.values():
            if id(module) in done or getattr(module, "_ts_class", None) is not None:
                continue
            done.add(id(module))
            attributes = self.classes[id(module)].attributes
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    attributes[name] = ClassAttribute(T.TENSOR, AttributeKind.PARAMETER)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    persistent = name not in module._non_persistent_buffers_set
                    attributes[name] = ClassAttribute(T.TENSOR, AttributeKind.BUFFER, persistent)
            attributes["training"] = ClassAttribute(T.BOOL)
            for name in self._attributes[id(module)]:
                if name not in attributes and (id(module), name) in self.used_plain:
                    attributes[name] = ClassAttribute(T.TENSOR)
            for name, child in module._modules.items():
                if child is not None and id(child) not in self.classes:
                    if not any(tensor_attributes(inner) for inner in nn.Module.modules(child)):
                        continue  # all of it is in the graph
                    raise TracingError(
                        f"The module '{name}' was added to {type(module).__name__} while the traced code ran. A trace "
                        "holds the modules that there are before: make it in __init__; or, where forward makes it in its "
                        "first call only, call the module once, and trace it then."
                    )
                if child is not None:
                    attributes[name] = ClassAttribute(self.classes[id(child)], AttributeKind.MODULE)


def _new_class(module: nn.Module) -> ClassType:
    return ClassType(qualified_name(type(module)), is_module=True)


def tensor_attributes(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, buffers, and tensors that are plain attributes."""
    found: dict[str, torch.Tensor] = {}
    for table in (module._parameters, module._buffers):
        found.update({name: tensor for name, tensor in table.items() if tensor is not None})
    for name, value in module.__dict__.items():
        if isinstance(value, torch.Tensor) and name.isidentifier():
            found[name] = value
    return found


def _attribute(module: nn.Module, name: str) -> Any:
    for table in (module._parameters, module._buffers, module.__dict__):
        if name in table:
            return table[name]
    return None
