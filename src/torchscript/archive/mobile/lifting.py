"""Byte code → statements in the language of archives.

    0 STOREN 1 2         def forward(self: __torch__.M, x: Tensor) -> Tensor:
    1 LOAD   2 0
    2 OP     0 0           _1 = torch.relu(x)
    3 RET    0 0           return _1

PyTorch makes byte code of structured graphs, and emits a branch and a loop in one form each:

    JF else; …then…; JMP end; else: …else…; end:
    trips, limit, condition, carried…; loop: LOOP end; …body…; condition, carried…; JMP loop; end:

So code is run here with names for values: what the two sides of a branch leave on the stack becomes a variable,
and so does what a loop carries. Types are not in the byte code; the importer finds them from the operators.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ...errors import CompileError
from ...operators.dispatcher import schemas_of
from ...schema import Schema
from ..unpickler import EnumMember
from ..upgraders import CURRENT_VERSION, upgrades_for
from .bytecode import Instruction, Method
from .stack import Entry, Stack

Item = TypeVar("Item")

_FOREVER = str((1 << 63) - 1)
_MAX_DEPTH = 100
_LITERAL = re.compile(r"(?:None)?(?:True|False|-?[\d.][\d.e+-]*|\"[^\"\\\\]*\")(?:None)?", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)

# Instructions that took the place of operators in version 8 → what they call.
_CALLS: dict[str, tuple[str, int]] = {
    "__IS__": ("torch.__is__", 2),
    "__ISNOT__": ("torch.__isnot__", 2),
    "__NOT__": ("torch.__not__", 1),
    "DEVICE": ("ops.prim.device", 1),
    "DTYPE": ("ops.prim.dtype", 1),
    "DIM": ("torch.dim", 1),
    "DICT_INDEX": ("torch.__getitem__", 2),
    "NUM_TO_TENSOR": ("ops.prim.NumToTensor", 1),
    "IS_CUDA": ("ops.prim.is_cuda", 1),
}


@dataclass(slots=True)
class Budget:
    """How many characters of code may still be lifted."""

    left: int


_UNINITIALIZED = Entry("uninitialized(None)")
_HIDDEN = Entry("<counter of a loop>")
Lines = list[str]


class Lifter:
    """Lifts one method. `attributes` are those of each class, in the order of their slots, with their types."""

    def __init__(
        self,
        method: Method,
        attributes: dict[str, dict[str, str]],
        constant: Callable[[Any], str],
        type_text: Callable[[str], str],
        budget: Budget,
        assigned: set[tuple[str, str]] | None = None,
    ) -> None:
        """`constant` names a tensor or a member of an enum. `budget` is shared by methods of one file.

        `assigned` are the attributes that some method assigns, by class and name: one that holds None and is
        none of them is known to hold None. Without it nothing is known.
        """
        self.method = method
        self.attributes = attributes
        self.named_constant = constant
        self.type_text = type_text
        self.assigned = assigned
        self.assigns: set[tuple[str, str]] = set()
        self._slots: dict[str, list[tuple[str, str]]] = {}
        self.budget = budget
        self.registers: ChainMap[int, Entry] = ChainMap()
        self.lines: Lines = []
        self.stack = Stack()
        self.count = 0
        self.depth = 0
        self.taken = {parameter.name for parameter in method.parameters or ()}

    def error(self, problem: str) -> CompileError:
        return CompileError(f"the byte code of '{self.method.qualified_name}' {problem}")

    def lift(self) -> str:
        """The method as text, indented for its class."""
        method = self.method
        header = self._header()
        self._run(0, len(method.instructions))
        body = self.lines or ["pass"]
        return f"  def {method.name}({header}:\n" + "".join(f"    {line}\n" for line in body)

    def _header(self) -> str:
        method = self.method
        parameters = method.parameters
        if parameters is None:  # version 3: the first instruction tells how many there are
            first = method.instructions[0] if method.instructions else Instruction("", 0, 1)
            count = first.n if first.code == "STOREN" else 1
            names = ["self", *(f"argument_{i}" for i in range(1, count))]
            texts = [f"self: {method.class_name}", *(f"{name}: Tensor" for name in names[1:])]
            self.stack.push(Entry("self", method.class_name), *(Entry(name) for name in names[1:]))
            return f"{', '.join(texts)}) -> Any"
        texts = []
        for i, parameter in enumerate(parameters):
            name = parameter.name
            if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
                raise self.error("has a parameter without a usable name")
            kind = self._type_text(parameter.type)
            default = "" if i == 0 or parameter.default is None else f"={self._constant(parameter.default)}"
            if i > 0 and parameter.default is None and kind.startswith("Optional["):
                default = "=None"
            texts.append(f"{name}: {kind}{default}")
            self.stack.push(Entry(name, kind if kind in self.attributes else None))
        last_required = max((i for i, text in enumerate(texts) if "=" not in text), default=0)
        texts = [text.partition("=")[0] if i < last_required else text for i, text in enumerate(texts)]
        return f"{', '.join(texts)}) -> {self._type_text(method.returns or 'Any')}"

    # -- names and constants -------------------------------------------------------------------------------

    def _fresh(self) -> str:
        while True:
            self.count += 1
            if f"_{self.count}" not in self.taken:
                return f"_{self.count}"

    def _spend(self, characters: int) -> None:
        self.budget.left -= characters
        if self.budget.left < 0:
            raise self.error("stands for far more code than a file of its size holds")

    def _constant(self, value: Any, depth: int = 0) -> str:
        if depth > _MAX_DEPTH:
            raise self.error("has a constant that nests too deep")
        self._spend(len(value) if isinstance(value, str) else 1)
        match value:
            case None | bool() | int():
                return str(value)
            case float():
                if math.isinf(value) or math.isnan(value):
                    return str(value)
                return repr(value)
            case complex():
                return f"complex({value.real!r}, {value.imag!r})"
            case str():
                return quoted(value)
            case torch.device():
                return f'torch.device("{value}")'
            case list():
                return f"[{', '.join(self._constant(item, depth + 1) for item in value)}]"
            case tuple():
                items = "".join(f"{self._constant(item, depth + 1)}, " for item in value)
                return f"({items})" if items else "()"
            case dict():
                pairs = (
                    f"{self._constant(key, depth + 1)}: {self._constant(item, depth + 1)}"
                    for key, item in value.items()
                )
                return f"{{{', '.join(pairs)}}}"
            case torch.Tensor() | EnumMember():
                return self.named_constant(value)
        raise self.error(f"has a constant of type {type(value).__name__}")

    # -- the machine ---------------------------------------------------------------------------------------

    def _pop(self, count: int) -> list[Entry]:
        try:
            return self.stack.pop(count)
        except IndexError:
            raise self.error(f"takes {count} values, where there are {len(self.stack)}") from None

    def _named(self, number: int, items: Sequence[Item], what: str) -> Item:
        """What an instruction names by its number."""
        if not 0 <= number < len(items):
            raise self.error(f"names {what} {number}, where there are {len(items)}")
        return items[number]

    def _type(self, number: int) -> str:
        return self._type_text(self._named(number, self.method.types, "type"))

    def _type_text(self, text: str) -> str:
        try:
            return self.type_text(text)
        except CompileError as error:
            raise self.error(f"has a type that is none: {error.message}") from None

    def _line(self, *lines: str) -> None:
        self._spend(sum(map(len, lines)) + len(lines))
        self.lines.extend(lines)

    def _assign(self, expression: str, class_name: str | None = None) -> None:
        name = self._fresh()
        self._line(f"{name} = {expression}")
        self.stack.push(Entry(name, class_name))

    def _run(self, at: int, end: int) -> None:
        instructions = self.method.instructions
        while at < end:
            instruction = instructions[at]
            match instruction.code:
                case "JF":
                    at = self._branch(at, end)
                case "LOOP":
                    at = self._loop(at, end)
                case "RET":
                    if self.depth:
                        raise self.error("returns from inside a branch or a loop")
                    self._return()
                    return
                case _:
                    self._step(instruction, at)
                    at += 1

    def _return(self) -> None:
        result = self.stack.top()
        self._line(f"return {'None' if result is None else result.text}")

    def _step(self, instruction: Instruction, at: int) -> None:
        code, x, n = instruction.code, instruction.x, instruction.n
        if code in ("__IS__", "__ISNOT__") and self.assigned is not None:
            left, right = self.stack.top(1), self.stack.top()
            same = _same_none(left.text, right.text) if left is not None and right is not None else None
            if same is not None:
                self._pop(2)
                return self.stack.push(Entry(str(same is (code == "__IS__"))))
        if code in _CALLS:
            function, count = _CALLS[code]
            return self._assign(f"{function}({', '.join(e.text for e in self._pop(count))})")
        match code:
            case "STOREN":
                for i, entry in enumerate(self._pop(n)):
                    self.registers[x + i] = entry
            case "STORE":
                (self.registers[x],) = self._pop(1)
            case "LOAD" | "MOVE":
                if x not in self.registers:
                    raise self.error(f"reads register {x}, which holds nothing")
                self.stack.push(self.registers[x])
            case "DROP":
                self._pop(1)
            case "DROPR":
                self.registers.pop(x, None)
            case "LOADC":
                constant = self._named(x, self.method.constants, "constant")
                self.stack.push(Entry(self._constant(constant)))
            case "OP" | "OPN":
                self._operator(instruction, at)
            case "GET_ATTR":
                self._get_attribute(self._pop(1)[0], x)
            case "SET_ATTR":
                owner, value = self._pop(2)
                self._set_attribute(owner, x, value)
            case "TUPLE_CONSTRUCT":
                self._assign(f"({''.join(f'{e.text}, ' for e in self._pop(x))})")
            case "LIST_CONSTRUCT" | "DICT_CONSTRUCT":
                items = [entry.text for entry in self._pop(n)]
                if code == "DICT_CONSTRUCT":
                    items = [f"{key}: {value}" for key, value in zip(items[::2], items[1::2])]
                display = f"{{{', '.join(items)}}}" if code == "DICT_CONSTRUCT" else f"[{', '.join(items)}]"
                self._assign(f"annotate({self._type(x)}, {display})")
            case "NAMED_TUPLE_CONSTRUCT":
                items = [entry.text for entry in self._pop(n)]
                self._assign(f"{self._type(x)}({', '.join(items)})")
            case "LIST_UNPACK":
                self._unpack(self._pop(1)[0], x)
            case "TUPLE_SLICE":
                (whole,) = self._pop(1)
                self._assign(f"({whole.text})[{x}:{x + n}]")
            case "TUPLE_INDEX":
                whole, index = self._pop(2)
                self._assign(f"({whole.text})[{index.text}]")
            case "RAISE_EXCEPTION":
                message, kind_of_error = self._pop(2)
                self._line(f"ops.prim.RaiseException({message.text}, {kind_of_error.text})")
            case "UN_INITIALIZED":
                self.stack.push(_UNINITIALIZED)
            case "UNCHECKED_CAST":
                pass
            case "FORMAT":
                self._assign(f"torch.format({', '.join(e.text for e in self._pop(x))})")
            case "ISINSTANCE":
                (value,) = self._pop(1)
                kinds = "".join(f"{self._type(number)}, " for number in range(x, x + n))
                self._assign(f"isinstance({value.text}, ({kinds}))")
            case "WARN":
                message, level = self._pop(2)
                self._line(f"torch.warn({message.text}, stacklevel={level.text})")
            case "INTERFACE_CALL":
                if n < 1:
                    raise self.error("calls a method of no object")
                owner, *arguments = self._pop(n)
                name = self._named(x, self.method.constants, "constant")
                if not isinstance(name, str) or not _usable(name):
                    raise self.error("calls a method without a usable name")
                self._assign(f"({owner.text}).{name}({''.join(f'{e.text}, ' for e in arguments)})")
            case _:
                raise self.error(f"has the instruction {code[:30]}, which cannot be read back into source")
        return None

    def _get_attribute(self, owner: Entry, number: int) -> None:
        name, kind = self._slot(owner, number)
        if kind == "None" and self.assigned is not None and (owner.class_name, name) not in self.assigned:
            return self.stack.push(Entry("None"))
        text = f"{owner.text}.{name}" if _usable(name) else f"getattr({owner.text}, {json.dumps(name)})"
        return self._assign(text, kind if kind in self.attributes else None)

    def _set_attribute(self, owner: Entry, number: int, value: Entry) -> None:
        name, _ = self._slot(owner, number)
        self.assigns.add((owner.class_name or "", name))
        target = f"{owner.text}.{name}" if _usable(name) else None
        setter = f"setattr({owner.text}, {json.dumps(name)}, {value.text})"
        self._line(f"{target} = {value.text}" if target else setter)

    def _slot(self, owner: Entry, number: int) -> tuple[str, str]:
        if owner.class_name is None:
            raise self.error("reads an attribute of an object whose class is not known")
        slots = self._slots.get(owner.class_name)
        if slots is None:
            slots = self._slots[owner.class_name] = list(self.attributes[owner.class_name].items())
        if not 0 <= number < len(slots):
            raise self.error(f"names attribute {number} of '{owner.class_name}', which has {len(slots)}")
        return slots[number]

    def _unpack(self, whole: Entry, count: int) -> None:
        if count < 0:
            raise self.error(f"unpacks {count} values")
        self._spend(count)
        names = [self._fresh() for _ in range(count)]
        if names:
            self._line(f"{', '.join(names)}, = {whole.text}")
        self.stack.push(*(Entry(name) for name in names))

    # -- operators -----------------------------------------------------------------------------------------

    def _operator(self, instruction: Instruction, at: int) -> None:
        name, overload, count = self._named(instruction.x, self.method.operators, "operator")
        if instruction.code == "OPN":
            count = instruction.n
        match name:
            case "prim::TupleUnpack" | "prim::ListUnpack":
                following = self._named(at + 1, self.method.instructions, "instruction")
                return self._unpack(self._pop(1)[0], following.n if following.code == "STOREN" else 1)
            case "prim::TupleIndex":
                whole, index = self._pop(2)
                return self._assign(f"({whole.text})[{index.text}]")
            case "prim::unchecked_cast" | "prim::unchecked_unwrap_optional":
                return None
            case "prim::EnumName":
                raise self.error("asks for the name of an enum's member, which byte code does not hold")
            case "prim::EnumValue":
                return self._assign(f"({self._pop(1)[0].text}).value")
            case "prim::Uninitialized":
                return self.stack.push(_UNINITIALIZED)
            case "prim::Print":
                self._line(f"print({', '.join(e.text for e in self._pop(count or 0))})")
                return None
            case "prim::RaiseException":
                arguments = self._pop(2 if count is None else count)
                self._line(f"ops.prim.RaiseException({', '.join(e.text for e in arguments)})")
                return None
            case "aten::format" | "aten::percentFormat":
                return self._assign(
                    f"torch.{name.partition('::')[2]}({', '.join(e.text for e in self._pop(count or 0))})"
                )
        schemas = schemas_of(name) or tuple(u.schema for u in upgrades_for(name, CURRENT_VERSION))
        schema = next((s for s in schemas if s.overload == overload), None)
        if schema is None:
            shown = f"{name}.{overload}" if overload else name
            raise self.error(f"calls '{shown}', which this PyTorch does not have")
        self._call(name, schema, count)
        return None

    def _call(self, name: str, schema: Schema, count: int | None) -> None:
        namespace, _, short = name.partition("::")
        function = f"torch.{short}" if namespace == "aten" else f"ops.{namespace}.{short}"
        entries = self._pop(len(schema.arguments) if count is None else count)
        outs = [a for a in schema.arguments if a.kwarg_only and a.is_write] if count is not None else []
        others = [a for a in schema.arguments if a not in outs]
        given = others[: len(entries) - len(outs)] + outs
        if len(given) != len(entries):
            raise self.error(f"gives {len(entries)} arguments to '{name}'")
        texts = [
            f"{argument.name}={entry.text}" if argument.kwarg_only else entry.text
            for argument, entry in zip(given, entries)
        ]
        call = f"{function}({', '.join(texts)})"
        if len(schema.returns) == 1:
            return self._assign(call)
        names = [self._fresh() for _ in schema.returns]
        self._line(f"{', '.join(names)}, = {call}" if names else call)
        self.stack.push(*(Entry(result) for result in names))
        return None

    # -- control flow --------------------------------------------------------------------------------------

    def _inside(self, at: int, end: int, *given: Entry) -> tuple[Lines, int, list[Entry]]:
        """The lines of a part that begins with more on the stack; and what is left of it, as `Stack.end` has it.

        Registers set in the part are not seen outside.
        """
        outer = self.lines, self.registers
        self.lines, self.registers = [], self.registers.new_child()
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("nests too deep")
        self.stack.begin()
        self.stack.push(*given)
        self._run(at, end)
        untouched, left = self.stack.end()
        self.depth -= 1
        lines = self.lines
        self.lines, self.registers = outer
        return lines, untouched, left

    def _leave(self, untouched: int, left: Sequence[Entry]) -> None:
        """Do to the stack what a part has done to it."""
        self._pop(len(self.stack) - untouched)
        self.stack.push(*left)

    def _indented(self, lines: Lines) -> Lines:
        self._spend(2 * len(lines))
        return [f"  {line}" for line in lines] or ["  pass"]

    def _target(self, at: int, end: int) -> int:
        target = at + self.method.instructions[at].x
        if not at < target <= end:
            raise self.error(f"jumps from {at} to {target}, which no branch does")
        return target

    def _branch(self, at: int, end: int) -> int:
        (condition,) = self._pop(1)
        otherwise = self._target(at, end)
        jump = self.method.instructions[otherwise - 1]
        if jump.code != "JMP":
            raise self.error("has a branch in a form that PyTorch does not emit")
        after = self._target(otherwise - 1, end)
        if condition.text in ("True", "False"):
            taken = (at + 1, otherwise - 1) if condition.text == "True" else (otherwise, after)
            lines, untouched, left = self._inside(*taken)
            self._leave(untouched, left)
            self.lines += lines
            return after
        parts = [self._inside(at + 1, otherwise - 1), self._inside(otherwise, after)]
        untouched = min(kept for _, kept, _ in parts)
        sides = [
            (lines, self.stack.above(untouched)[: kept - untouched] + left) for lines, kept, left in parts
        ]
        (_, one), (_, two) = sides
        if len(one) != len(two) or untouched + len(one) < len(self.stack):
            raise self.error("has a branch whose sides leave different numbers of values")
        for i, pair in enumerate(zip(one, two)):
            if pair[0] == pair[1]:
                continue
            name = self._fresh()
            for (lines, stack), entry in zip(sides, pair):
                raised = bool(lines) and lines[-1].startswith("ops.prim.RaiseException(")
                if not (entry is _UNINITIALIZED and raised):
                    self._spend(len(entry.text))
                    lines.append(f"{name} = {entry.text}")
                stack[i] = Entry(name, pair[0].class_name or pair[1].class_name)
        self._line(f"if {condition.text}:")
        self.lines += [*self._indented(sides[0][0]), "else:", *self._indented(sides[1][0])]
        self._leave(untouched, one)
        return after

    def _loop(self, at: int, end: int) -> int:
        instruction = self.method.instructions[at]
        after = self._target(at, end)
        back = self.method.instructions[after - 1]
        if back.code != "JMP" or after - 1 + back.x != at or instruction.n < 2:
            raise self.error("has a loop in a form that PyTorch does not emit")
        _, limit, first, *starts = self._pop(instruction.n + 1)
        carried = [Entry(self._fresh(), start.class_name) for start in starts]
        self._line(*(f"{entry.text} = {start.text}" for entry, start in zip(carried, starts)))
        counter = Entry(self._fresh())
        outside = len(self.stack)
        lines, untouched, left = self._inside(at + 1, after - 1, _HIDDEN, _HIDDEN, counter, *carried)
        if untouched != outside or len(left) != 3 + len(carried) or left[:2] != [_HIDDEN, _HIDDEN]:
            raise self.error("has a loop that does not leave the values it began with")
        again, *ends = left[2:]
        header, footer = self._loop_frame(limit, first, again, counter, lines)
        if again.text not in ("True", "False"):
            lines.append(f"{footer[0]} = {again.text}")
        changed = [(c.text, e.text) for c, e in zip(carried, ends) if c.text != e.text]
        self._spend(sum(len(end) for _, end in changed))
        if changed:
            targets, values = ", ".join(c for c, _ in changed), ", ".join(e for _, e in changed)
            lines.append(f"{targets}, = {values}" if len(changed) > 1 else f"{targets} = {values}")
        self._line(header)
        self.lines += self._indented(lines + footer[1:])
        self.stack.push(*carried)
        return after

    def _loop_frame(
        self, limit: Entry, first: Entry, again: Entry, counter: Entry, lines: Lines
    ) -> tuple[str, list[str]]:
        """The head of a loop; the variable of its condition, and what stands at the end of its body."""
        if first.text == again.text == "True":
            return f"for {counter.text} in range({limit.text}):", [""]
        condition = self._fresh()
        uses_counter = any(counter.text in line and re.search(rf"\b{counter.text}\b", line) for line in lines)
        if limit.text == _FOREVER and not uses_counter and again.text not in ("True", "False"):
            self._line(f"{condition} = {first.text}")
            return f"while {condition}:", [condition]
        trips = limit.text
        if first.text != "True":
            trips = self._fresh()
            self._line(f"if {first.text}:", f"  {trips} = {limit.text}", "else:", f"  {trips} = 0")
        tested = again.text if again.text in ("True", "False") else condition
        footer = [condition, f"if {tested}:", "  pass", "else:", "  break"]
        return f"for {counter.text} in range({trips}):", footer


def _same_none(one: str, other: str) -> bool | None:
    """Whether two values are both None, where their texts tell."""
    if one == other == "None":
        return True
    return False if "None" in (one, other) and _LITERAL.fullmatch(one + other) else None


def _usable(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None and not keyword.iskeyword(name)


def quoted(value: str) -> str:
    """A string as archives write it: the bytes of its UTF-8, those that are not plain ASCII escaped."""
    return json.dumps(value.encode("utf-8", "surrogatepass").decode("latin-1"))
