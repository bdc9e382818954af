"""Constants as C++ expressions."""

from __future__ import annotations

import enum
import math
from typing import Any

import torch

from ... import types as T
from ...schema import code_of
from .names import quoted
from .problems import Problem
from .types import CppTypes

INT_MIN = -(2**63)


class Literals:
    """Writes constants; tensors go into a table, which the program is given before it runs."""

    def __init__(self, types: CppTypes) -> None:
        self._types = types
        self.tensors: list[torch.Tensor] = []
        self._indices: dict[int, int] = {}
        self.strings: dict[str, str] = {}

    def write(self, value: Any, type: T.Type) -> str:
        """An expression of the C++ type of `type`."""
        if isinstance(type, T.PendingType):
            type = type.default
        if isinstance(type, T.OptionalType):
            spelled = self._types.of(type)
            return f"{spelled}()" if value is None else f"{spelled}({self.write(value, type.element)})"
        if isinstance(type, T.UnionType):
            member = next((m for m in type.members if _is_of(value, m)), None)
            if member is None:
                raise Problem(f"a constant {value!r} of type '{type.annotation()}'")
            return f"{self._types.of(type)}({self.write(value, member)})"
        match value:
            case None:
                return "None()"
            case torch.Tensor():
                return self.tensor(value)
            case enum.Enum():
                assert isinstance(type, T.EnumType)
                index = [name for name, _ in type.members].index(value.name)
                return f"{self._types.of(type)}{{{index}}}"
            case bool():
                text = "true" if value else "false"
                return f"Scalar({text})" if isinstance(type, T.NumberType) else text
            case int():
                return self._int(value, type)
            case float():
                text = float_literal(value)
                return f"Scalar({text})" if isinstance(type, T.NumberType) else text
            case complex():
                return f"Complex({float_literal(value.real)}, {float_literal(value.imag)})"
            case str():
                return (
                    f"Device(c10::Device({quoted(value)}))"
                    if isinstance(type, T.DeviceType)
                    else self.string(value)
                )
            case torch.device():
                return f"Device(c10::Device({quoted(str(value))}))"
            case torch.dtype() | torch.layout() | torch.memory_format():
                return self._code(code_of(value), type)
            case list() | tuple():
                return self._sequence(value, type)
            case dict():
                assert isinstance(type, T.DictType)
                entries = ", ".join(
                    f"{{{self.write(k, type.key)}, {self.write(v, type.value)}}}" for k, v in value.items()
                )
                return f"{self._types.of(type)}{{{entries}}}"
        raise Problem(f"a constant of type '{value.__class__.__name__}' has no native form")

    def _int(self, value: int, type: T.Type) -> str:
        if isinstance(type, T.DtypeType | T.LayoutType | T.MemoryFormatType):
            return self._code(value, type)
        if isinstance(type, T.FloatType):
            return float_literal(float(value))
        if not INT_MIN <= value < 2**63:
            raise Problem(f"the int {value} has more than 64 bits")
        text = "INT64_MIN" if value == INT_MIN else f"INT64_C({value})"
        if isinstance(type, T.NumberType):
            return f"Scalar({text})"
        return f"Complex({text})" if isinstance(type, T.ComplexType) else text

    def _code(self, code: int, type: T.Type) -> str:
        spelled = self._types.of(type)
        return f"INT64_C({code})" if spelled == "int64_t" else f"static_cast<{spelled}>({code})"

    def _sequence(self, value: Any, type: T.Type) -> str:
        if isinstance(type, T.TupleType):
            items = ", ".join(self.write(v, t) for v, t in zip(value, type.elements, strict=True))
        elif isinstance(type, T.ListType):
            items = ", ".join(self.write(v, type.element) for v in value)
        else:
            raise Problem(f"a constant sequence as '{type.annotation()}' has no native form")
        return f"{self._types.of(type)}{{{items}}}"

    def write_global(self, value: Any, type: T.Type) -> str:
        """A constant that stands alone: no entry in any table. Raises Problem if it needs one."""
        text = self.write(value, type)
        if self.tensors:
            raise Problem("tensors in constants")
        for string, name in self.strings.items():
            text = text.replace(name, f"Str({quoted(string)}, {len(string.encode())})")
        return text

    def string(self, value: str) -> str:
        """A global: making a string each time would allocate."""
        name = self.strings.get(value)
        if name is None:
            name = self.strings[value] = f"_s{len(self.strings)}"
        return name

    def tensor(self, value: torch.Tensor) -> str:
        index = self._indices.get(id(value))
        if index is None:
            index = self._indices[id(value)] = len(self.tensors)
            self.tensors.append(value)
        return f"_tensors[{index}]"


def float_literal(value: float) -> str:
    """A double, NaN and infinity included.

    >>> float_literal(0.5), float_literal(float("inf"))
    ('0.5', 'std::numeric_limits<double>::infinity()')
    """
    if math.isnan(value):
        return "std::numeric_limits<double>::quiet_NaN()"
    if math.isinf(value):
        return ("-" if value < 0 else "") + "std::numeric_limits<double>::infinity()"
    return repr(value) if any(c in repr(value) for c in ".en") else repr(value) + ".0"


def _is_of(value: Any, type: T.Type) -> bool:
    match type:
        case T.NoneType():
            return value is None
        case T.BoolType():
            return isinstance(value, bool)
        case T.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case T.FloatType():
            return isinstance(value, float)
        case T.StringType():
            return isinstance(value, str)
        case T.TensorType():
            return isinstance(value, torch.Tensor)
        case T.ListType():
            return isinstance(value, list) and all(_is_of(v, type.element) for v in value)
        case T.TupleType():
            return isinstance(value, tuple) and len(value) == len(type.elements)
        case T.DictType():
            return isinstance(value, dict)
    return False
