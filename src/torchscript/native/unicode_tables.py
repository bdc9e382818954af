"""Write the tables of characters of native code: `python -m torchscript.native.unicode_tables > …/unicode_tables.cpp`.

What is in them is what this Python's own `str` says of every character.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable

_PROPERTIES: tuple[Callable[[str], bool], ...] = (
    str.isalpha,
    str.isdecimal,
    str.isdigit,
    str.isnumeric,
    str.isprintable,
    str.isspace,
    str.islower,
    str.isupper,
    lambda c: c.istitle() and not c.isupper(),
    str.isidentifier,
    lambda c: f"a{c}".isidentifier(),
    lambda c: f"{c}a".title()[-1] == "a",
    lambda c: f"aΣ{c}a".lower()[1] == "σ" and f"aΣ{c}".lower()[1] == "ς",
)
"""In the order of the bits of `unicode::Property`. The last two are not among the methods of `str`: what follows a
cased character is not capitalised in titles, and a Σ at the end of a word, case-ignorable ones apart, becomes ς."""


def property_ranges() -> list[tuple[int, int]]:
    """Where a range of characters with the same properties begins, and these as bits.

    >>> [bits & 2 for start, bits in property_ranges() if start in (ord("0"), ord(":"))]
    [2, 0]
    """
    ranges: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        bits = sum(has(chr(code)) << i for i, has in enumerate(_PROPERTIES))
        if not ranges or ranges[-1][1] != bits:
            ranges.append((code, bits))
    return ranges


def case_ranges(
    change: Callable[[str], str],
) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, str]]]:
    """Ranges (first, last, step, delta), and characters that become several."""
    ranges: list[tuple[int, int, int, int]] = []
    special: list[tuple[int, str]] = []
    for code in range(sys.maxunicode + 1):
        changed = change(chr(code))
        if len(changed) > 1:
            special.append((code, changed))
            continue
        delta = ord(changed) - code
        if delta == 0:
            continue
        if ranges:
            first, last, step, previous = ranges[-1]
            if previous == delta and (code - last == step or (first == last and code - last == 2)):
                ranges[-1] = (first, code, code - last, delta)
                continue
        ranges.append((code, code, 1, delta))
    return ranges, special


def decimal_zeros() -> list[int]:
    """The zeros of the world's digits: nine more follow each."""
    return [code for code in range(sys.maxunicode + 1) if chr(code).isdecimal() and int(chr(code)) == 0]


def _array(declaration: str, items: list[str]) -> str:
    body = textwrap.fill(
        " ".join(f"{item}," for item in items), 118, initial_indent="  ", subsequent_indent="  "
    )
    return f"{declaration}[] = {{\n{body}\n}};\n"


def _escaped(text: str) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def write_tables() -> str:
    """The text of unicode_tables.cpp."""
    parts = [
        "// What Unicode says of characters. Written by torchscript.native.unicode_tables.\n"
        "// clang-format off\n"
        '#include "torchscript/lang/unicode_tables.h"\n\n'
        "namespace ts::lang::unicode {\n",
    ]
    ranges = property_ranges()
    # two numbers are not packed into one: characters have 21 bits, properties 13
    parts.append(_array("const uint32_t starts", [f"{start}" for start, _ in ranges]))
    parts.append(_array("const uint16_t bits", [f"{bits}" for _, bits in ranges]))
    parts.append(_array("const uint32_t zeros", [f"{code}" for code in decimal_zeros()]))
    sizes = {"starts": "starts", "zeros": "zeros"}
    for name, change in (("lower", str.lower), ("upper", str.upper), ("title", str.title)):
        plain, special = case_ranges(change)
        parts.append(
            _array(f"const CaseRange {name}_ranges", [f"{{{a},{b},{c},{d}}}" for a, b, c, d in plain])
        )
        parts.append(
            _array(
                f"const SpecialCase {name}_special",
                [f"{{{code},{_escaped(text)}}}" for code, text in special],
            )
        )
        sizes[f"{name}_ranges"] = sizes[f"{name}_special"] = ""
    parts += [f"const size_t {name}_size = sizeof {name} / sizeof *{name};" for name in sizes]
    parts.append("\n}  // namespace ts::lang::unicode")
    return "\n".join(parts)


if __name__ == "__main__":
    print(write_tables())
