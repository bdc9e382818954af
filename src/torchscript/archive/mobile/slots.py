"""The attributes of an object that `__setstate__` makes, where that method is there as byte code alone.

Such an object is saved as its state, and byte code names attributes by their numbers. So they get names here, and
their types are what the method assigns: it is read once as a function that returns all of them.

    def __setstate__(self, state: Tuple[int, bool]):        def slots(self: Any, state: Tuple[int, bool]) -> Any:
      SET_ATTR 2   of  state[0]                               slot_2 = (state)[0]
      SET_ATTR 0   of  state[1]                               slot_0 = (state)[1]
                                                              return (slot_0, slot_2, )

    →  {"slot_0": "bool", "slot_1": "None", "slot_2": "int"}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ... import types as T
from ...errors import CompileError
from ..importer import Importer
from ..importer.code import Texts
from ..upgraders import CURRENT_VERSION
from .bytecode import Method
from .lifting import Budget, Lifter
from .stack import Entry

_MOST = 10_000
_RECORD, _NAME = "code/__torch__/torchscript_slots.py", "__torch__.torchscript_slots.slots"


def slots_of(
    method: Method,
    attributes: dict[str, dict[str, str]],
    type_text: Callable[[str], str],
    budget: Budget,
    allow_io: bool,
) -> dict[str, str]:
    """The attributes that a `__setstate__` assigns, in the order of their slots, with their types."""
    constants: list[Any] = []

    def name_constant(value: Any) -> str:
        if not isinstance(value, torch.Tensor):
            raise CompileError(f"the byte code of '{method.qualified_name}' has an enum among its constants")
        constants.append(value)
        return f"CONSTANTS.c{len(constants) - 1}"

    lifter = _SlotsLifter(method, attributes, name_constant, type_text, budget)
    records = Texts(method.qualified_name, {_RECORD: lifter.lift()})
    importer = Importer(records, CURRENT_VERSION, lambda number: (constants[number], T.TENSOR), allow_io)
    importer.typed = False
    function = importer.function_named(_NAME)
    assert function is not None
    (result,) = function.graph.block.outputs
    if not isinstance(result.type, T.TupleType) or len(result.type.elements) != len(lifter.slots):
        raise lifter.error("does not return where it ends")
    found = dict(zip(sorted(lifter.slots), result.type.elements))
    return {
        f"slot_{i}": found[i].annotation() if i in found else "None"
        for i in range(max(found, default=-1) + 1)
    }


class _SlotsLifter(Lifter):
    """Reads `__setstate__` as a function whose variables are the attributes."""

    def lift(self) -> str:
        self.slots: set[int] = set()
        lines = super().lift().splitlines(keepends=True)
        return "".join(
            [f"def slots{lines[0].partition('__setstate__')[2]}", *(line[2:] for line in lines[1:])]
        )

    def _header(self) -> str:
        parameters = super()._header().partition(") -> ")[0]
        first, _, others = parameters.partition(", ")
        if not len(self.stack):
            raise self.error("takes no object")
        (self.owner, *_) = (entry.text for entry in self.stack.above(0))
        if not first.startswith(f"{self.owner}: ") or self.method.name != "__setstate__":
            raise self.error("is no __setstate__")
        return f"{self.owner}: Any{', ' if others else ''}{others}) -> Any"

    def _get_attribute(self, owner: Entry, number: int) -> None:
        if owner.text != self.owner:
            return super()._get_attribute(owner, number)
        if number not in self.slots:
            raise self.error(f"reads attribute {number} before it has assigned it")
        return self.stack.push(Entry(f"slot_{number}"))

    def _set_attribute(self, owner: Entry, number: int, value: Entry) -> None:
        if owner.text != self.owner:
            return super()._set_attribute(owner, number, value)
        if not 0 <= number < _MOST:
            raise self.error(f"assigns attribute {number}")
        self.slots.add(number)
        return self._line(f"slot_{number} = {value.text}")

    def _return(self) -> None:
        self._line(f"return ({''.join(f'slot_{number}, ' for number in sorted(self.slots))})")
