"""The byte code of a module for PyTorch's mobile interpreter, as its pickle holds it.

    (8, ('__torch__.M.forward',
         (('instructions', (('STOREN', 1, 2), ('LOAD', 2, 0), ('OP', 0, 0), ('RET', 0, 0))),
          ('operators', (('aten::relu', '', 1),)),      name, overload, and from version 6 on how many arguments
          ('constants', ()), ('types', ()), ('register_size', 2)),
         (('arguments', (…)), ('returns', (…)))), …)    from version 4 on

All methods that `forward` calls are inlined in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import ArchiveError

MAX_INSTRUCTIONS = 1 << 20


@dataclass(frozen=True, slots=True)
class Instruction:
    """`x` and `n` mean something else for each code."""

    code: str
    x: int
    n: int


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Method:
    """One function of the byte code. `count` of an operator is None where all of its arguments are on the stack."""

    qualified_name: str
    instructions: tuple[Instruction, ...]
    operators: tuple[tuple[str, str, int | None], ...]
    constants: tuple[Any, ...]
    types: tuple[str, ...]
    parameters: tuple[Parameter, ...] | None = None
    returns: str | None = None

    @property
    def class_name(self) -> str:
        return self.qualified_name.rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.qualified_name.rpartition(".")[2]


def read_methods(pickled: Any, where: str) -> list[Method]:
    """The methods of an unpickled `bytecode.pkl`; ArchiveError if it is none."""
    try:
        methods = [_method(*entry) for entry in pickled if not isinstance(entry, int)]
    except (TypeError, ValueError, KeyError, AttributeError, LookupError) as error:
        raise ArchiveError(f"{where}: does not hold byte code: {error}") from None
    if not methods:
        raise ArchiveError(f"{where}: holds no methods")
    return methods


def _method(name: str, table: Any, schema: Any = None) -> Method:
    parts = dict(table)
    if not isinstance(name, str) or len(parts["instructions"]) > MAX_INSTRUCTIONS:
        raise ValueError("a method has no name, or too many instructions")
    parameters: tuple[Parameter, ...] | None = None
    returns = None
    if schema is not None:
        border = dict(schema)
        parameters = tuple(_parameter(dict(argument)) for argument in border["arguments"])
        kinds = [_text(dict(result)["type"]) for result in border["returns"]]
        returns = kinds[0] if len(kinds) == 1 else f"Tuple[{', '.join(kinds)}]" if kinds else "None"
    return Method(
        name,
        tuple(Instruction(_text(code), int(x), int(n)) for code, x, n in parts["instructions"]),
        tuple(_operator(*operator) for operator in parts["operators"]),
        tuple(parts["constants"]),
        tuple(_text(kind) for kind in parts["types"]),
        parameters,
        returns,
    )


def _operator(name: Any, overload: Any, count: Any = None) -> tuple[str, str, int | None]:
    return _text(name), _text(overload), int(count) if count is not None and count >= 0 else None


def _parameter(argument: dict[str, Any]) -> Parameter:
    return Parameter(_text(argument["name"]), _text(argument["type"]), argument["default_value"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} stands where text is expected")
    return value
