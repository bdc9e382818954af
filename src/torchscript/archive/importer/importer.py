"""Finds what archived code names: classes, NamedTuples, enums, interfaces and functions.

    __torch__.torch.nn.modules.linear.Linear   →   class Linear in code/__torch__/torch/nn/modules/linear.py

A class is read when something names it: its attributes at once, its methods when their graphs are asked for.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable
from typing import Any

from ... import types as T
from ...errors import ArchiveError, CompileError
from ...ir.graph import Function
from ...schema import Schema
from ...types.of_values import type_of_plain
from ..int_codes import read_record as int_codes
from ..prepacked import STATES
from ..transient_buffers import read_record as transient_buffers
from .annotations import dotted_name, parse_annotation
from .classes import check_method_name, define_class, define_enum, define_interface, define_named_tuple
from .code import CodeFile, Definition, Records, Texts
from .early_classes import complete_class
from .function import ArchivedFunction, parse_signature
from .limits import TypeSizes

CODE = "code/"
CUSTOM_CLASSES = "__torch__.torch.classes."


class Importer:
    """The definitions of one archive.

    `version` is that of the operators that the code was written for. `constant` gives value and type of a
    numbered constant (`CONSTANTS.c3`). `allow_io` lets the code reach outside the process. `on_class` is told
    of every class once it is complete, whether an object or only code has named it. `open_class` takes the
    attributes that its `__init__` assigns. Code that is not `typed` was byte code, which does not tell where a test
    has shown that a value is not None.
    """

    def __init__(
        self,
        records: Records,
        version: int,
        constant: Callable[[int], tuple[Any, T.Type]],
        allow_io: bool = False,
    ) -> None:
        self.records = records
        self.transient_buffers = transient_buffers(records)
        self.int_codes = int_codes(records)
        self.allow_io = allow_io
        self.version = version
        self.constant = constant
        self.lock = threading.RLock()
        self.files: dict[str, CodeFile | None] = {}
        self.types: dict[str, T.Type] = {}
        self.functions: dict[str, ArchivedFunction] = {}
        self.typed = True
        self.recipes: dict[Any, Any] = {}
        self.type_sizes = TypeSizes()
        self.open_class: T.ClassType | None = None
        self.on_class: Callable[[T.ClassType], None] | None = None
        self._unfinished: set[str] = set()

    # -- finding definitions ---------------------------------------------------------------------------------

    def find(self, name: str) -> Definition | None:
        """The definition of a qualified name."""
        module, _, last = name.rpartition(".")
        if module not in self.files:
            record = f"{CODE}{module.replace('.', '/')}.py"
            self.files[module] = CodeFile(self.records, record) if record in self.records else None
        file = self.files[module]
        return file.definitions.get(last) if file is not None else None

    def type_named(self, name: str) -> T.Type:
        """The class, NamedTuple, enum or interface of a qualified name; CompileError if there is none."""
        found = self.types.get(name)
        if found is not None:
            return found
        if name.startswith(CUSTOM_CLASSES):
            found = self.types[name] = STATES.get(name) or T.CustomClassType(name)
            return found
        definition = self.find(name)
        if definition is None or not definition.is_class:
            raise CompileError(f"the archive has no class '{name}'")
        with self.lock:
            return self.types.get(name) or self._define(name, definition)

    def class_named(self, name: str) -> T.ClassType:
        """The class of an object; ArchiveError if there is none."""
        try:
            found = self.type_named(name)
        except CompileError as error:
            raise ArchiveError(f"{self.records.name}: {error}") from None
        if not isinstance(found, T.ClassType):
            raise ArchiveError(f"{self.records.name}: there is an object of '{name}', which is no class")
        return found

    def function_named(self, name: str) -> Function | None:
        """The free function of a qualified name."""
        found = self.functions.get(name)
        if found is None:
            definition = self.find(name)
            if definition is None or definition.is_class:
                return None
            found = self.functions[name] = ArchivedFunction(self, name, definition, None)
        return found

    def annotation(self, node: ast.expr) -> T.Type:
        try:
            type = parse_annotation(node, self.type_named)
        except RecursionError:
            raise CompileError("a type nests too deep") from None
        self.type_sizes.check(type)
        return type

    # -- defining types --------------------------------------------------------------------------------------

    def _define(self, name: str, definition: Definition) -> T.Type:
        if name in self._unfinished:
            raise CompileError(f"'{name}' is built from itself")
        tree = definition.parse()
        if not isinstance(tree, ast.ClassDef) or len(tree.bases) > 1 or tree.decorator_list:
            raise definition.file.error(f"'{definition.name}' is not defined as archives define classes")
        base = dotted_name(tree.bases[0]) if tree.bases else None
        self._unfinished.add(name)
        try:
            match base:
                case "NamedTuple":
                    self.types[name] = define_named_tuple(name, tree, self)
                    self.type_sizes.check(self.types[name])
                case "Enum":
                    self.types[name] = define_enum(name, tree, self)
                case "Interface" | "ModuleInterface":
                    # registered first: methods of an interface may take it as an argument
                    interface = T.InterfaceType(name, base == "ModuleInterface")
                    self.types[name] = interface
                    define_interface(interface, definition, self)
                case None | "Module":
                    cls = T.ClassType(name, base == "Module")
                    self.types[name] = cls
                    for method in definition.methods.values():
                        check_method_name(method.name)
                        cls.methods[method.name] = ArchivedFunction(
                            self, f"{name}.{method.name}", method, cls
                        )
                    define_class(cls, tree, self)
                    complete_class(cls, definition, self)
                    if self.on_class is not None:
                        self.on_class(cls)
                case _:
                    raise CompileError(f"'{name}' has the base '{base}', which archives do not know")
        except CompileError as error:
            self.types.pop(name, None)
            if error.where is None:
                raise definition.file.error(f"'{definition.name}': {error}") from None
            raise
        except RecursionError:
            raise definition.file.error(f"'{definition.name}' nests too deep") from None
        finally:
            self._unfinished.discard(name)
        return self.types[name]

    def signature(self, name: str, method: Definition, owner: T.Type | None) -> Schema:
        """The schema of a definition that is only declared: a method of an interface."""
        tree = method.parse(indented=owner is not None)
        return parse_signature(name, tree, owner, self)

    def code_files(self) -> list[CodeFile]:
        """Every code record of the archive."""
        prefix, suffix = CODE, ".py"
        found: list[CodeFile] = []
        for record in sorted(self.records.names()):
            if record.startswith(prefix) and record.endswith(suffix):
                module = record[len(prefix) : -len(suffix)].replace("/", ".")
                self.find(f"{module}.?")
                file = self.files[module]
                if file is not None:
                    found.append(file)
        return found

    def everything(self) -> list[Function]:
        """Every function and method of the archive, named or not."""
        functions: list[Function] = []
        for file in self.code_files():
            for definition in file.definitions.values():
                name = f"{file.module}.{definition.name}"
                if not definition.is_class:
                    function = self.function_named(name)
                    if function is not None:
                        functions.append(function)
                    continue
                type = self.type_named(name)
                if isinstance(type, T.ClassType):
                    functions.extend(type.methods.values())
        return functions

    def type_of(self, value: Any) -> T.Type:
        """The type of a constant; CompileError for a value that no constant can be."""
        plain = type_of_plain(value)
        if plain is not None:
            return plain
        match value:
            case list():
                return T.ListType(self._common(value, T.TENSOR))
            case tuple():
                return T.TupleType(tuple(self.type_of(item) for item in value))
            case dict():
                return T.DictType(
                    self._common(list(value), T.STRING), self._common(list(value.values()), T.TENSOR)
                )
        raise CompileError(f"a value of type {type(value).__name__} cannot be a constant")

    def _common(self, values: list[Any], default: T.Type) -> T.Type:
        if not values:
            return default
        common = self.type_of(values[0])
        for value in values[1:]:
            unified = T.unify(common, self.type_of(value))
            if unified is None:
                return T.ANY
            common = unified
        return common


def upgrade_importer(record: str, text: str) -> Importer:
    """An importer of code that is built in, in the current version."""
    from ..upgraders import CURRENT_VERSION

    def no_constant(number: int) -> tuple[Any, T.Type]:
        raise CompileError(f"there is no constant {number}")

    return Importer(Texts("<torchscript upgrades>", {record: text}), CURRENT_VERSION, no_constant)
