"""The source of a module whose archive has byte code alone: its classes from its objects, its methods lifted.

ScriptObject("__torch__.M", {"weight": tensor})     →     class M(Module):
Method("__torch__.M.forward", …)                            weight : Tensor
                                                            def forward(self: __torch__.M, x: Tensor) -> …
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import torch

from ...errors import ArchiveError, CompileError
from ..importer.code import Texts
from ..unpickler import EnumMember, ScriptObject
from .bytecode import Method
from .lifting import Budget, Lifter, quoted
from .slots import slots_of

_NAMED_TUPLE = re.compile(r"^(__torch__[\w.]*)\[NamedTuple, \[(.*)\]\]$", re.DOTALL)
_FIELD = re.compile(r"\[\s*(\w+)\s*,\s*([^\[\]\s](?:[^\[\]]|\[(?:[^\[\]]|\[[^\[\]]*\])*\])*)\]")
_MAX_DEPTH = 200
_LONGEST_TYPE = 1 << 16
_LEAST = 1 << 20
_GROWTH = 20
"""Characters of code that byte code may stand for: so many, or twenty times the file, as for code in a container."""
_PLAIN = {bool: "bool", int: "int", float: "float", complex: "complex", str: "str", type(None): "None"}


class _Source:
    def __init__(
        self,
        root: ScriptObject,
        methods: list[Method],
        where: str,
        annotations: dict[int, tuple[Any, str]],
        file_size: int,
        allow_io: bool,
    ) -> None:
        self.where = where
        self.longest = max(_LEAST, _GROWTH * file_size)
        self.annotations = annotations
        self.allow_io = allow_io
        self.methods = methods
        self._set_states = {m.class_name: m for m in reversed(methods) if m.name == "__setstate__"}
        self.attributes: dict[str, dict[str, str]] = {}
        self.trained: dict[str, set[str]] = {}
        self.constants: list[torch.Tensor] = []
        self.named_tuples: dict[str, list[tuple[str, str]]] = {}
        self.enums: dict[str, dict[int | float | str, int]] = {}
        self._seen: set[int] = set()
        self._types: dict[int, str] = {}
        self._type_texts: dict[str, str] = {}
        self._room = self.longest  # for the texts of types
        self._add_object(root, 0)

    # -- classes -------------------------------------------------------------------------------------------

    def _add_object(self, made: ScriptObject, depth: int) -> None:
        if id(made) in self._seen:
            return
        self._seen.add(id(made))
        if depth > _MAX_DEPTH:
            raise ArchiveError(f"{self.where}: objects nest too deep")
        if made.class_name.startswith("__torch__.torch.classes."):
            return
        set_state = self._set_states.get(made.class_name)
        if set_state is not None:
            if made.class_name not in self.attributes:
                self.attributes[made.class_name] = self._slots(set_state)
            self._type(made.state, depth + 1)
            return
        if not isinstance(made.state, dict):
            raise ArchiveError(f"{self.where}: an object of '{made.class_name}' has no attributes")
        known = self.attributes.setdefault(made.class_name, {})
        for name, value in made.state.items():
            if not isinstance(name, str):
                raise ArchiveError(
                    f"{self.where}: an attribute of '{made.class_name}' is named by a {type(name).__name__}"
                )
            kind = self._type(value, depth + 1)
            if name in known:
                kind = _common(known[name], kind)
            known[name] = kind
            if isinstance(value, torch.Tensor) and value.requires_grad:
                self.trained.setdefault(made.class_name, set()).add(name)

    def _slots(self, set_state: Method) -> dict[str, str]:
        return slots_of(set_state, self.attributes, self._type_text, Budget(self.longest), self.allow_io)

    def _type(self, value: Any, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise ArchiveError(f"{self.where}: values nest too deep")
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain
        known = self._types.get(id(value))
        if known is None:
            known = self._types[id(value)] = self._type_of(value, depth)
            self._room -= len(known)
            if len(known) > _LONGEST_TYPE or self._room < 0:
                raise ArchiveError(f"{self.where}: an attribute has a type of too many parts")
        return known

    def _type_of(self, value: Any, depth: int) -> str:
        match value:
            case torch.Tensor():
                return "Tensor"
            case torch.device():
                return "Device"
            case ScriptObject():
                self._add_object(value, depth)
                return value.class_name
            case list() | dict() if id(value) in self.annotations:
                try:
                    return self._type_text(self.annotations[id(value)][1])
                except CompileError as error:
                    raise CompileError(f"a {type(value).__name__} was saved with its type: {error}") from None
            case list():
                return f"List[{self._common(value, depth, 'Tensor')}]"
            case tuple():
                items = [self._type(item, depth + 1) for item in value]
                if sum(map(len, items)) > _LONGEST_TYPE:
                    raise ArchiveError(f"{self.where}: an attribute has a type of too many parts")
                return f"Tuple[{', '.join(items) or '()'}]"
            case dict():
                keys = self._common(list(value), depth, "str")
                return f"Dict[{keys}, {self._common(list(value.values()), depth, 'Tensor')}]"
            case EnumMember():
                self._enum_member(value)
                return value.class_name
        raise ArchiveError(
            f"{self.where}: an attribute is a {type(value).__name__}, which byte code does not have"
        )

    def _common(self, values: list[Any], depth: int, default: str) -> str:
        kind: str | None = None
        for value in values:
            own = self._type(value, depth + 1)
            kind = own if kind is None else _common(kind, own)
        return kind or default

    def _type_text(self, text: str) -> str:
        """A type of the byte code. One of a NamedTuple lists its fields, and becomes a class."""
        known = self._type_texts.get(text)
        if known is None:
            known = self._type_texts[text] = self._checked_type(text)
        return known

    def _checked_type(self, text: str) -> str:
        found = _NAMED_TUPLE.match(text)
        if found is not None:
            fields = [(name, self._type_text(kind.strip())) for name, kind in _FIELD.findall(found[2])]
            self.named_tuples[found[1]] = fields
            return found[1]
        try:
            ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise CompileError(f"'{text[:60]}' is no type") from None
        if "\n" in text or "#" in text:
            raise CompileError(f"'{text[:60]!r}' is no type")
        return text

    def _constant(self, value: Any) -> str:
        """The name of a tensor or of a member of an enum."""
        if isinstance(value, EnumMember):
            return self._enum_member(value)
        self.constants.append(value)
        return f"CONSTANTS.c{len(self.constants) - 1}"

    def _enum_member(self, member: EnumMember) -> str:
        """Byte code has members by their values alone, so they are named after where they are first met."""
        if not isinstance(member.value, int | float | str):
            raise ArchiveError(
                f"{self.where}: '{member.class_name}' has a member that is no number and no text"
            )
        values = self.enums.setdefault(member.class_name, {})
        return f"{member.class_name}.member_{values.setdefault(member.value, len(values))}"

    # -- text ----------------------------------------------------------------------------------------------

    def _lift(self, method: Method, budget: Budget, assigned: set[tuple[str, str]] | None) -> Lifter:
        constant = self._constant if assigned is not None else lambda _: "None"
        return Lifter(method, self.attributes, constant, self._type_text, budget, assigned)

    def _assigned(self) -> set[tuple[str, str]]:
        """The attributes that methods assign, by class and name. What held None when it was saved is optional then."""
        assigned: set[tuple[str, str]] = set()
        budget = Budget(self.longest)
        for method in self.methods:
            lifter = self._lift(method, budget, None)
            lifter.lift()
            assigned |= lifter.assigns
        for class_name, name in assigned:
            if self.attributes[class_name][name] == "None":
                self.attributes[class_name][name] = "Optional[Tensor]"
        return assigned

    def texts(self) -> dict[str, str]:
        for method in self.methods:
            self.attributes.setdefault(method.class_name, {})
        assigned = self._assigned()
        by_class: dict[str, list[Method]] = {name: [] for name in self.attributes}
        for method in self.methods:
            by_class.setdefault(method.class_name, []).append(method)
        budget = Budget(self.longest)
        classes = {
            name: "".join(self._class(name, methods, budget, assigned)) for name, methods in by_class.items()
        }
        for name, values in self.enums.items():
            lines = "".join(f"  member_{i} = {_literal(value)}\n" for value, i in values.items())
            classes[name] = f"class {self._last_name(name)}(Enum):\n{lines}"
        for name, fields in self.named_tuples.items():
            lines = "".join(f"  {field} : {kind}\n" for field, kind in fields)
            classes[name] = f"class {self._last_name(name)}(NamedTuple):\n{lines}"
        records: dict[str, str] = {}
        for name, text in classes.items():
            record = f"code/{name.rpartition('.')[0].replace('.', '/')}.py"
            records[record] = records.get(record, "") + text
        return records

    def _last_name(self, name: str) -> str:
        if not name.startswith("__torch__.") or not re.fullmatch(r"[\w.]+", name):
            raise ArchiveError(f"{self.where}: '{name[:60]}' is no name of a class")
        return name.rpartition(".")[2]

    def _class(
        self, name: str, methods: list[Method], budget: Budget, assigned: set[tuple[str, str]]
    ) -> Iterator[str]:
        attributes = self.attributes[name]
        trained = self.trained.get(name, set())
        yield f"class {self._last_name(name)}(Module):\n"
        yield f"  __parameters__ = {json.dumps([a for a in attributes if a in trained])}\n"
        buffers = [a for a, kind in attributes.items() if kind == "Tensor" and a not in trained]
        yield f"  __buffers__ = {json.dumps(buffers)}\n"
        for attribute, kind in attributes.items():
            yield f"  __annotations__[{json.dumps(attribute)}] = {kind}\n"
        for method in methods:
            yield self._lift(method, budget, assigned).lift()


def _common(one: str, other: str) -> str:
    """The type of an attribute that objects of a class have in two types."""
    if one == other:
        return one
    if "None" in (one, other):
        kind = other if one == "None" else one
        return kind if kind.startswith("Optional[") else f"Optional[{kind}]"
    return one if one == f"Optional[{other}]" else other if other == f"Optional[{one}]" else "Any"


def _literal(value: int | float | str) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def source_of(
    root: ScriptObject,
    methods: list[Method],
    where: str,
    annotations: dict[int, tuple[Any, str]],
    *,
    file_size: int,
    allow_io: bool = False,
) -> tuple[Texts, list[torch.Tensor]]:
    """The code of a module, and the tensors among the constants that it names.

    `annotations` are the types that lists and dicts were saved with, by identity; others are found from their items.
    """
    try:
        source = _Source(root, methods, where, annotations, file_size, allow_io)
        return Texts(where, source.texts()), source.constants
    except CompileError as error:
        raise ArchiveError(f"{where}: {error}") from None
