"""Read the values that `literals.py` writes, and those that PyTorch's own printer writes."""

from __future__ import annotations

import enum
import re
from typing import Any

import torch

from .. import types as T
from ..codes import SCALAR_TYPES
from ..errors import IRError
from .literals import Opaque
from .scanner import Scanner
from .type_parser import TypeParser

_REAL = r"(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_NUMBER = re.compile(rf"(?:(-?{_REAL})(?=[+-]))?([+-]?{_REAL})(j?)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_ANGLED = re.compile(r"<[\w.]+>")
# A tensor's elements as PyTorch prints them: ` 1  2 [ CPUFloatType{2} ]`, `(1,.,.) = 1 …`, `Columns 1 to 8 …`
_ELEMENTS = re.compile(r'(?:(?:\([\d,.]+\) =|Columns|-?[\d.]|nan|inf)[^"\n\[\]]*)?\[ \w+Type\{[\d,]*\} \]')
_INFO = re.compile(r"(\w+)\((.*)\)")

_UNESCAPED = {"n": b"\n", "t": b"\t", "r": b"\r", "a": b"\a", "b": b"\b", "f": b"\f", "v": b"\v"}


class LiteralParser:
    """Values of one text."""

    def __init__(self, scanner: Scanner, types: TypeParser) -> None:
        self.scanner = scanner
        self.types = types
        self.has_elements = "Type{" in scanner.text

    def parse(self, type: T.Type | None) -> Any:
        """A value for a constant of `type`, which says what `1` and `"cpu"` stand for."""
        start = self.scanner.skip()
        try:
            return _as_type(self._value(type), type)
        except IRError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise self.scanner.error(f"not a value of type '{type}': {error}", start) from None

    def _value(self, type: T.Type | None) -> Any:
        scanner = self.scanner
        if isinstance(type, T.OptionalType):
            type = type.element
        if self.has_elements and scanner.match(_ELEMENTS):
            return _absent_tensor(type)
        string = scanner.match(_STRING)
        if string is not None:
            return _unescape(string.group(1))
        if scanner.accept("["):
            element = type.element if isinstance(type, T.ListType) else None
            return self._items("]", lambda index: element)
        if scanner.accept("("):
            elements = type.elements if isinstance(type, T.TupleType) else ()
            return tuple(self._items(")", lambda index: elements[index] if index < len(elements) else None))
        if scanner.accept("{"):
            return self._braces(type)
        angled = scanner.match(_ANGLED)
        if angled is not None:
            is_tensor = angled.group() in ("<Tensor>", "<Tensors>")
            return _absent_tensor(type) if is_tensor else Opaque(angled.group())
        # `inf` and `nan` are numbers and read like words
        number = scanner.match(_NUMBER)
        if number is not None:
            return _number(*number.groups())
        word = scanner.match(_WORD)
        if word is not None:
            return self._word(word, type)
        raise scanner.error("expected a value")

    def _items(self, closing: str, type_at: Any) -> list[Any]:
        items: list[Any] = []
        while not self.scanner.accept(closing):
            if items:
                self.scanner.expect(",")
                if self.scanner.accept(closing):  # (1,)
                    break
            items.append(self.parse(type_at(len(items))))
        return items

    def _braces(self, type: T.Type | None) -> Any:
        """`{3}` is a tensor of one element, `{"a": 1}` a dict."""
        scanner = self.scanner
        key_type, value_type = (type.key, type.value) if isinstance(type, T.DictType) else (None, None)
        pairs: dict[Any, Any] = {}
        if scanner.accept("}"):
            return pairs
        while True:
            key = self.parse(key_type)
            if not pairs and scanner.accept("}"):
                return _tensor_of(key, type)
            scanner.expect(":")
            pairs[key] = self.parse(value_type)
            if scanner.accept("}"):
                return pairs
            scanner.expect(",")

    def _word(self, word: re.Match[str], type: T.Type | None) -> Any:
        name = word.group()
        if name in ("True", "False"):
            return name == "True"
        if name == "None":
            return None
        if name == "annotate":  # annotate(List[int], [])
            self.scanner.expect("(")
            annotated = self.types.parse(self.scanner)
            self.scanner.expect(",")
            value = self.parse(annotated)
            self.scanner.expect(")")
            return value
        if name.startswith("__torch__.") or isinstance(type, T.EnumType):
            python_class = type.python_class if isinstance(type, T.EnumType) else None
            if python_class is not None:
                return _member(python_class, name)
            return Opaque(name)
        self.scanner.position = word.start()
        return self.types.parse(self.scanner)

    def parse_types(self) -> list[T.Type]:
        """`[int, float[]]`, of `prim::isinstance[types=…]`."""
        self.scanner.expect("[")
        types: list[T.Type] = []
        while not self.scanner.accept("]"):
            if types:
                self.scanner.expect(",")
            types.append(self.types.parse(self.scanner))
        return types


def _number(real: str | None, last: str, imaginary: str) -> int | float | complex:
    if imaginary:
        return complex(float(real or 0), float(last))
    if real is not None:
        raise ValueError(f"'{real}{last}' is no number")
    return int(last) if last.lstrip("+-").isdigit() else float(last)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "01234567":
            return chr(0xDC00 + int(code, 8)) if int(code, 8) > 0x7F else chr(int(code, 8))
        return _UNESCAPED[code].decode() if code in _UNESCAPED else code

    # the octals of a character's UTF-8 bytes stand for the character
    return _ESCAPE.sub(one, text).encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass")


def _member(python_class: type[enum.Enum], name: str) -> enum.Enum:
    member = name.rpartition(".")[2]
    if member not in python_class.__members__:
        raise ValueError(f"'{python_class.__qualname__}' has no member '{member}'")
    return python_class[member]


def _as_type(value: Any, type: T.Type | None) -> Any:
    """The value that stands behind the text: `1` for a bool is True, `"cpu"` for a Device is a device."""
    if isinstance(type, T.OptionalType):
        return None if value is None else _as_type(value, type.element)
    if isinstance(value, Opaque):
        return value
    if isinstance(type, T.BoolType) and isinstance(value, int):
        return bool(value)
    if isinstance(type, T.FloatType) and isinstance(value, int):
        return float(value)
    if isinstance(type, T.ComplexType) and isinstance(value, int | float):
        return complex(value)
    if isinstance(type, T.DeviceType) and isinstance(value, str):
        return torch.device(value)
    return value


def _absent_tensor(type: T.Type | None) -> torch.Tensor:
    """A tensor on the meta device: it has the size and dtype that the text tells, and no elements."""
    info = _info_of(type)
    if info is None:
        return torch.empty(0, device="meta")
    dtype, sizes = info
    return torch.empty(sizes, dtype=dtype, device="meta")


def _tensor_of(value: Any, type: T.Type | None) -> torch.Tensor:
    info = _info_of(type)
    if info is None:
        return torch.tensor(value)
    dtype, sizes = info
    return torch.tensor(value, dtype=dtype).reshape(sizes)


def _info_of(type: T.Type | None) -> tuple[torch.dtype, list[int]] | None:
    if not isinstance(type, T.TensorType) or type.info is None:
        return None
    match = _INFO.fullmatch(type.info)
    if match is None or match.group(1) not in SCALAR_TYPES:
        return None
    sizes: list[int] = []
    for part in match.group(2).split(","):
        if not part.strip().isdigit():
            break
        sizes.append(int(part))
    return SCALAR_TYPES[match.group(1)], sizes
