"""C++ identifiers for the user's names."""

from __future__ import annotations

import re

_RESERVED = """

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


class Names:
    """Hands out each name once: `x`, then `x_1`, `x_2`, …"""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def unique(self, preferred: str) -> str:
        base = identifier(preferred)
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
