"""Texts and numbers as Python reads and shows them: `int(text, base)`, `ascii(text)`."""

from __future__ import annotations


def int_in_base(text: str, base: int) -> int:
    """`int(text, base)`."""
    problem = "invalid literal for int() with base " + str(base) + ": '" + text + "'"
    if base != 0 and (base < 2 or base > 36):
        raise ValueError("int() base must be >= 2 and <= 36, or 0")
    digits = text.strip().lower()
    negative = digits.startswith("-")
    if negative or digits.startswith("+"):
        digits = digits[1:]
    prefix = digits[0:2]
    own = 16 if prefix == "0x" else 8 if prefix == "0o" else 2 if prefix == "0b" else 0
    if own != 0 and (base == 0 or base == own):
        base = own
        digits = digits[2:]
        if digits.startswith("_"):
            digits = digits[1:]
    elif base == 0:
        base = 10
        if digits.startswith("0") and digits.replace("0", "").replace("_", "") != "":
            raise ValueError(problem)
    if digits == "" or digits.startswith("_") or digits.endswith("_") or "__" in digits:
        raise ValueError(problem)
    value = 0
    for c in digits.replace("_", ""):
        digit = "0123456789abcdefghijklmnopqrstuvwxyz".find(c)
        if digit < 0 or digit >= base:
            raise ValueError(problem)
        value = value * base + digit
    return -value if negative else value


def escaped(text: str) -> str:
    """`ascii` of what `repr` shows."""
    shown = ""
    for c in text:
        code = ord(c)
        if code < 128:
            shown += c
        else:
            digits = hex(code)[2:]
            width = 2 if code < 256 else 4 if code < 65536 else 8
            shown += (
                ("\\x" if width == 2 else "\\u" if width == 4 else "\\U")
                + "0" * (width - len(digits))
                + digits
            )
    return shown
