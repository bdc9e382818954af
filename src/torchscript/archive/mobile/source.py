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
from .lifting import Lifter

_NAMED_TUPLE = re.compile(r"^(__torch__[\w.]*)\[NamedTuple, \[(.*)\]\]$", re.DOTALL)
_FIELD = re.compile(r"\[\s*(\w+)\s*,\s*((?:[^\[\]]|\[(?:[^\[\]]|\[[^\[\]]*\])*\])*)\]")
_MAX_DEPTH = 200
_PLAIN = {bool: "bool", int: "int", float: "float", complex: "complex", str: "str", type(None): "None"}


class _Source:
    def __init__(self, root: ScriptObject, methods: list[Method], where: str) -> None:
        self.where = where
        self.attributes: dict[str, dict[str, str]] = {}
        self.trained: dict[str, set[str]] = {}
        self.constants: list[torch.Tensor] = []
        self.named_tuples: dict[str, list[tuple[str, str]]] = {}
        self._seen: set[int] = set()
        self._add_object(root, 0)
        self.methods = methods

    # -- classes -------------------------------------------------------------------------------------------

    def _add_object(self, made: ScriptObject, depth: int) -> None:
        if id(made) in self._seen:
            return
        self._seen.add(id(made))
        if depth > _MAX_DEPTH:
            raise ArchiveError(f"{self.where}: objects nest too deep")
        if made.class_name.startswith("__torch__.torch.classes."):
            return
        if not isinstance(made.state, dict):
            raise ArchiveError(
                f"{self.where}: an object of '{made.class_name}' is what its __setstate__ makes, which is there as "
                "byte code without source, and does not say which attributes it has"
            )
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

    def _type(self, value: Any, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise ArchiveError(f"{self.where}: values nest too deep")
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain
        match value:
            case torch.Tensor():
                return "Tensor"
            case torch.device():
                return "Device"
            case ScriptObject():
                self._add_object(value, depth)
                return value.class_name
            case list():
                return f"List[{self._common(value, depth, 'Tensor')}]"
            case tuple():
                return f"Tuple[{', '.join(self._type(item, depth + 1) for item in value) or '()'}]"
            case dict():
                keys = self._common(list(value), depth, "str")
                return f"Dict[{keys}, {self._common(list(value.values()), depth, 'Tensor')}]"
            case EnumMember():
                raise ArchiveError(
                    f"{self.where}: an enum, '{value.class_name}', whose members byte code does not tell"
                )
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

    def _constant(self, tensor: torch.Tensor) -> str:
        self.constants.append(tensor)
        return f"CONSTANTS.c{len(self.constants) - 1}"

    # -- text ----------------------------------------------------------------------------------------------

    def texts(self) -> dict[str, str]:
        by_class: dict[str, list[Method]] = {name: [] for name in self.attributes}
        for method in self.methods:
            by_class.setdefault(method.class_name, []).append(method)
            self.attributes.setdefault(method.class_name, {})
        classes = {name: "".join(self._class(name, methods)) for name, methods in by_class.items()}
        for name, fields in self.named_tuples.items():
            lines = "".join(f"  {field} : {kind}\n" for field, kind in fields)
            classes[name] = f"class {name.rpartition('.')[2]}(NamedTuple):\n{lines}"
        records: dict[str, str] = {}
        for name, text in classes.items():
            record = f"code/{name.rpartition('.')[0].replace('.', '/')}.py"
            records[record] = records.get(record, "") + text
        return records

    def _class(self, name: str, methods: list[Method]) -> Iterator[str]:
        attributes = self.attributes[name]
        trained = self.trained.get(name, set())
        last = name.rpartition(".")[2]
        if not name.startswith("__torch__.") or not re.fullmatch(r"[\w.]+", name):
            raise ArchiveError(f"{self.where}: '{name[:60]}' is no name of a class")
        yield f"class {last}(Module):\n"
        yield f"  __parameters__ = {json.dumps([a for a in attributes if a in trained])}\n"
        buffers = [a for a, kind in attributes.items() if kind == "Tensor" and a not in trained]
        yield f"  __buffers__ = {json.dumps(buffers)}\n"
        for attribute, kind in attributes.items():
            yield f"  __annotations__[{json.dumps(attribute)}] = {kind}\n"
        for method in methods:
            try:
                yield Lifter(method, self.attributes, self._constant, self._type_text).lift()
            except CompileError as error:
                raise ArchiveError(f"{self.where}: {error}") from None


def _common(one: str, other: str) -> str:
    """The type of an attribute that objects of a class have in two types."""
    if one == other:
        return one
    if "None" in (one, other):
        kind = other if one == "None" else one
        return kind if kind.startswith("Optional[") else f"Optional[{kind}]"
    return one if one == f"Optional[{other}]" else other if other == f"Optional[{one}]" else "Any"


def source_of(root: ScriptObject, methods: list[Method], where: str) -> tuple[Texts, list[torch.Tensor]]:
    """The code of a module, and the tensors among the constants that it names."""
    source = _Source(root, methods, where)
    return Texts(where, source.texts()), source.constants
