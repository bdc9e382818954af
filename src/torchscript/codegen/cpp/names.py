"""C++ identifiers for the user's names."""

from __future__ import annotations

import re

_RESERVED = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept
const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default
delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline
int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected
public register reinterpret_cast requires return short signed sizeof static static_assert
static_cast struct switch template this thread_local throw true try typedef typeid typename union
unsigned using virtual void volatile wchar_t while xor xor_eq at c10 std ts main errno stdin stdout
stderr assert linux unix NAN INFINITY NULL EOF isnan isinf where lang torchscript Tensor List Dict
Ref Enum Str Scalar None Complex Device Future convert drop stack base int64_t INT64_MIN to_ivalue
from_ivalue Place Error Plan Object Guard GradMode kernel fast math
"""
_KEYWORDS = frozenset(_RESERVED.split())


def identifier(name: str) -> str:
    """`name` with what C++ does not allow replaced; never a keyword, and never one of ours (which have a `_` in front).

    >>> identifier("x.1"), identifier("class"), identifier("_x")
    ('x_1', 'class_', 'v_x')
    """
    text = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not text or text[0].isdigit() or text[0] == "_":
        text = "v" + text
    text = re.sub(r"__+", "__", text)
    return text + "_" if text in _KEYWORDS else text


_GLOBALS = re.compile("[CEfm]_")  # how structs, functions and entries of the file begin


class Names:
    """Hands out each name once: `x`, then `x_1`, `x_2`, …

    `local` names keep away from those of the file, which a variable would hide.
    """

    def __init__(self, local: bool = False) -> None:
        self._taken: dict[str, int] = {}
        self._local = local

    def unique(self, preferred: str) -> str:
        base = identifier(preferred)
        if self._local and _GLOBALS.match(base):
            base = f"v{base}"
        count = self._taken.get(base)
        self._taken[base] = 0 if count is None else count + 1
        if count is None:
            return base
        name = f"{base}_{count + 1}"
        if name in self._taken:
            return self.unique(name)
        self._taken[name] = 0
        return name


def quoted(text: str) -> str:
    """A C++ string literal, in ASCII."""
    out = []
    for byte in text.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        if char in '"\\?':
            out.append("\\" + char)
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'
