"""Floats as text, correctly rounded, written in the language itself (see prelude.py).

A float is m · 2ᵉ with whole m. Its decimal digits are finitely many: those of m · 2ᵉ, or of m · 5⁻ᵉ with the point moved.
They are computed in limbs of nine digits, so rounding half to even is exact, as in Python.
"""

from __future__ import annotations

import math


def digits_of(value: float) -> tuple[str, int]:
    """The digits of |value|, and how many of them stand before the point: 0.0125 → ("125", -1)."""
    fraction, exponent = math.frexp(abs(value))
    rest = int(fraction * 9007199254740992.0)
    exponent -= 53
    while rest > 0 and rest % 2 == 0 and exponent < 0:
        rest = rest // 2
        exponent += 1
    limbs = [rest % 1000000000, rest // 1000000000]
    factor = 2 if exponent > 0 else 5
    count = abs(exponent)
    while count > 0:
        power = 1
        for _ in range(min(count, 12)):
            power *= factor
        count -= 12
        carry = 0
        for i in range(len(limbs)):
            product = limbs[i] * power + carry
            limbs[i] = product % 1000000000
            carry = product // 1000000000
        if carry > 0:
            limbs.append(carry)
    text = ""
    for limb in limbs:
        part = str(limb)
        text = "000000000"[len(part) :] + part + text
    point = len(text) + min(exponent, 0)
    digits = text.lstrip("0")
    point -= len(text) - len(digits)
    return (digits, point) if digits != "" else ("0", 1)


def rounded(digits: str, keep: int) -> tuple[str, bool]:
    """The first `keep` digits, filled up with zeros; and whether rounding made it one digit more: "996", 2 → "100"."""
    if keep >= len(digits):
        return digits + "".join(["0" for _ in range(keep - len(digits))]), False
    if keep < 0:
        return "", False
    kept = digits[:keep]
    rest = digits[keep:]
    tie = rest[0] == "5" and rest[1:].strip("0") == ""
    last = int(kept[keep - 1]) if keep > 0 else 0
    if rest[0] < "5" or (tie and last % 2 == 0):
        return kept, False
    nines = len(kept) - len(kept.rstrip("9"))
    zeros = "".join(["0" for _ in range(nines)])
    if nines == len(kept):
        return "1" + zeros, True
    place = len(kept) - nines - 1
    return kept[:place] + str(int(kept[place]) + 1) + zeros, False


def special(value: float) -> str:
    """The text of what is not a number that has digits."""
    if math.isnan(value):
        return "nan"
    return "inf" if math.isinf(value) else ""


def fixed(value: float, precision: int) -> str:
    """`f"{value:.{precision}f}"` without its sign."""
    text = special(value)
    if text != "":
        return text
    digits, point = digits_of(value)
    kept, longer = rounded(digits, point + precision)
    if longer:
        point += 1
    whole = kept[:point] if point > 0 else "0"
    if precision == 0:
        return whole
    if point > 0:
        return whole + "." + kept[point:]
    return whole + "." + "".join(["0" for _ in range(min(-point, precision))]) + kept


def round_to(value: float, precision: int) -> float:
    """`round(value, precision)`."""
    if special(value) != "":
        return value
    digits, point = digits_of(value)
    if precision >= 0:
        text = fixed(value, precision)
    else:
        text = rounded(digits, point + precision)[0] + "".join(["0" for _ in range(-precision)])
    return math.copysign(float(text), value)


def scientific(value: float, precision: int, alternate: bool) -> str:
    """`f"{value:.{precision}e}"` without its sign; `alternate` keeps a point that nothing follows."""
    text = special(value)
    if text != "":
        return text
    digits, point = digits_of(value)
    kept, longer = rounded(digits, precision + 1)
    exponent = point if longer else point - 1
    if digits == "0":
        exponent = 0
    text = kept[0]
    if precision > 0 or alternate:
        text += "." + kept[1 : precision + 1]
    size = str(abs(exponent))
    return text + ("e-" if exponent < 0 else "e+") + ("0" + size if len(size) < 2 else size)


def general(value: float, precision: int, alternate: bool, as_float: bool) -> str:
    """`f"{value:.{precision}g}"` without its sign; `as_float` always leaves a digit behind the point, as ':.3' does."""
    text = special(value)
    if text != "":
        return text
    digits, point = digits_of(value)
    precision = max(precision, 1)
    _, longer = rounded(digits, precision)
    exponent = point if longer else point - 1
    if digits == "0":
        exponent = 0
    if exponent < -4 or exponent >= (precision - 1 if as_float else precision):
        text = scientific(value, precision - 1, alternate)
        if alternate or "." not in text:
            return text
        parts = text.split("e")
        return parts[0].rstrip("0").rstrip(".") + "e" + parts[1]
    text = fixed(value, precision - 1 - exponent)
    if alternate:
        return text if "." in text else text + "."
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + ".0" if as_float and "." not in text else text
