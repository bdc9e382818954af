"""What classes left unsaid in archives of PyTorch 1.0 to 1.5, and what their signatures say wrong today.

class Counter:                          the attributes of a class that is no module are those that its
  def __init__(self, start: int)        `__init__` assigns                              (until 1.4)
    self.total = start
class Norm(Module):                     without `__buffers__`, every tensor that is no parameter is one
  running_mean : Tensor                                                                 (until 1.5)
class Conv2d(Module):                   weights packed for a quantised operator were tensors, for types; they
  _packed_params : Tensor               are objects now                                 (until 1.5)
def pool(x: Tensor,                     a parameter without a default after one that has one
    stride: Optional[int]=None,                                                         (until 1.4)
    padding: int)
"""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

from ... import types as T
from ..early_operators import LINEAR_PARAMETERS, PYTORCH_1_4, PYTORCH_1_5

if TYPE_CHECKING:
    from .code import Definition
    from .importer import Importer

_PACKED = {
    "linear": LINEAR_PARAMETERS,
    "conv": "__torch__.torch.classes.quantized.Conv2dPackedParamsBase",
    "conv2d": "__torch__.torch.classes.quantized.Conv2dPackedParamsBase",
    "conv3d": "__torch__.torch.classes.quantized.Conv3dPackedParamsBase",
}
"""The operator that weights are packed for → their class."""

_UNPACKED = re.compile(r"ops\.quantized\.(linear|conv|conv2d|conv3d)_unpack(?:_fp16)?\(self\.(\w+)\)")

_LSTM_PARAMETERS = re.compile(r"torch\.quantized_lstm\([\w, ]+, \[[\w, ]+\], (\w+),")


def complete_class(cls: T.ClassType, definition: Definition, importer: Importer) -> None:
    """Add what the text of a class leaves out in its version. The attributes and methods are there already."""
    if importer.version > PYTORCH_1_5:
        return
    if cls.is_module:
        _find_packed(cls, definition)
        if "__buffers__" not in definition.text:
            for attribute in cls.attributes.values():
                if attribute.type == T.TENSOR and attribute.kind is T.AttributeKind.PLAIN:
                    attribute.kind = T.AttributeKind.BUFFER
    elif importer.version <= PYTORCH_1_4 and "__init__" in cls.methods:
        outer, importer.open_class = importer.open_class, cls
        try:
            cls.methods["__init__"].graph  # noqa: B018
        finally:
            importer.open_class = outer


def _find_packed(cls: T.ClassType, definition: Definition) -> None:
    for method in definition.methods.values():
        for operator, name in _UNPACKED.findall(method.text):
            attribute = cls.attributes.get(name)
            if attribute is not None and attribute.type == T.TENSOR:
                attribute.type = T.CustomClassType(_PACKED[operator])
        for name in set(_LSTM_PARAMETERS.findall(method.text)):
            empty = rf"\b{name} = (?:annotate\(List\[Tensor\], \[\]\)|\[\])$"
            filled = f"{name} = annotate(List[{LINEAR_PARAMETERS}], [])"
            method.text = re.sub(empty, filled, method.text, flags=re.M)


def without_early_defaults(text: str) -> str | None:
    """The text of a definition without the defaults that parameters without one follow; None if there are none.

    Calls passed every argument then. Lines and columns of all that is left stay what they were.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    depth, started = 0, None
    defaults: list[tuple[tokenize.TokenInfo, tokenize.TokenInfo]] = []
    dropped: list[tuple[tokenize.TokenInfo, tokenize.TokenInfo]] = []
    for token in tokens:
        if token.type != tokenize.OP:
            continue
        if token.string in "([{":
            depth += 1
        elif token.string == "=" and depth == 1:
            started = token
        elif (token.string == "," and depth == 1) or (token.string == ")" and depth == 1):
            if started is None:
                dropped += defaults
                defaults = []
            else:
                defaults.append((started, token))
            started = None
        if token.string in ")]}":
            depth -= 1
            if depth == 0:
                break
    if not dropped:
        return None
    lines = text.splitlines(keepends=True)
    for first, last in reversed(dropped):
        (row, column), (end_row, end_column) = first.start, last.start
        if row != end_row:
            return None
        line = lines[row - 1]
        lines[row - 1] = line[:column] + " " * (end_column - column) + line[end_column:]
    return "".join(lines)
