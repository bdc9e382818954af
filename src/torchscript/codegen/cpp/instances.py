"""The objects under a module, as code that makes them, and the numbered slots through which their attributes are set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ... import types as T
from .classes import attributes_of
from .literals import Literals
from .names import quoted
from .problems import Problem
from .types import field
from .unit import Unit


@dataclass(slots=True)
class Slot:
    """An attribute of one object under the root: `owner` is the Python object, `path` where it is (`layers.0.weight`).

    `written` says that compiled code assigns it, or may change the list or dict that it holds.
    """

    path: str
    owner: Any
    name: str
    type: T.Type
    written: bool


class Instances:
    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.slots: list[Slot] = []
        self._made: dict[tuple[int, T.ClassType], str] = {}
        self._lines: list[str] = []

    def write(self, root: Any) -> str:
        """`_create`, which makes the objects; their attributes hold what they do now, but for tensors."""
        cls = type(root)._ts_class
        name = self._object(root, cls, "")
        return "\n".join([
            "ts::Instance* _create() {",
            "  auto* instance = new ts::Instance;",
            *self._lines,
            f"  instance->set_root({name}.object());",
            "  return instance;",
            "}",
        ])  # fmt: skip

    def write_empty(self) -> str:
        return "ts::Instance* _create() { return new ts::Instance; }"

    def _object(self, value: Any, cls: T.ClassType, path: str) -> str:
        known = self._made.get((id(value), cls))
        if known is not None:
            return known
        name = self._made[id(value), cls] = f"o{len(self._made)}"
        struct = self._unit.types.struct(cls)
        self._lines.append(f"  auto {name} = Ref<{struct}>::make();")
        for attribute, type in attributes_of(self._unit, cls):
            place = f"{path}.{attribute}" if path else attribute
            target = f"{name}->{field(attribute)}"
            held = _attribute(value, attribute)
            inner = type.element if isinstance(type, T.OptionalType) and held is not None else type
            if isinstance(inner, T.InterfaceType):
                inner = self._class_behind(held, inner)
            if isinstance(inner, T.ClassType):
                self._lines.append(f"  {target} = {self._object(held, inner, place)};")
                continue
            if isinstance(inner, T.NoneType):
                continue
            written = not self._unit.is_constant(cls, attribute) or isinstance(inner, T.ListType | T.DictType)
            self._lines.append(f"  ts::add_slot(*instance, {quoted(place)}, {target});")
            self.slots.append(Slot(place, value, attribute, type, written))
            self._initial(target, held, type)
        return name

    def _class_behind(self, held: Any, interface: T.InterfaceType) -> T.ClassType:
        cls: T.ClassType | None = getattr(type(held), "_ts_class", None)
        if cls is None or cls not in self._unit.types.implementers.get(interface, ()):
            raise Problem(
                f"an attribute with the interface '{interface.annotation()}' holds no compiled class"
            )
        return cls

    def _initial(self, target: str, value: Any, type: T.Type) -> None:
        """What a host without Python starts with; tensors are bound from the archive."""
        if isinstance(value, torch.Tensor) or value is None or isinstance(type, T.TensorType):
            return
        try:
            self._lines.append(f"  {target} = {Literals(self._unit.types).write_global(value, type)};")
        except Problem:
            return  # Python sets it through its slot


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise Problem(f"the module has no attribute '{name}' (of '{type(owner).__name__}')") from None
