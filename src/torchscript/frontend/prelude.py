"""What Python's builtins do and no operator does, written in the language itself.

A call of `sorted(xs, key=f)` is compiled as a call of `sorted_by(xs, f, False)`. So an archive carries these
functions along as source, and everything that reads archives can run them.
"""

from __future__ import annotations

from typing import Any

# -- sorting and selecting -------------------------------------------------------------------------------------


def sorted_by(items: Any, key: Any, reverse: bool) -> Any:
    """Positions break ties, so that equal keys keep their order as in Python."""
    if reverse:
        order = [(key(items[i]), -i) for i in range(len(items))]
        order.sort(reverse=True)
    else:
        order = [(key(items[i]), i) for i in range(len(items))]
        order.sort()
    return [items[abs(pair[1])] for pair in order]


def sort_by(items: Any, key: Any, reverse: bool) -> None:
    ordered = sorted_by(items, key, reverse)
    items.clear()
    items.extend(ordered)


def greatest(items: Any, key: Any) -> Any:
    if len(items) == 0:
        raise ValueError("max() arg is an empty sequence")
    best = items[0]
    best_key = key(best)
    for i in range(1, len(items)):
        own = key(items[i])
        if own > best_key:
            best = items[i]
            best_key = own
    return best


def least(items: Any, key: Any) -> Any:
    if len(items) == 0:
        raise ValueError("min() arg is an empty sequence")
    best = items[0]
    best_key = key(best)
    for i in range(1, len(items)):
        own = key(items[i])
        if own < best_key:
            best = items[i]
            best_key = own
    return best


def greatest_or(items: Any, key: Any, default: Any) -> Any:
    return greatest(items, key) if len(items) > 0 else default


def least_or(items: Any, key: Any, default: Any) -> Any:
    return least(items, key) if len(items) > 0 else default


def itself(value: Any) -> Any:
    return value


# -- sets: dicts whose keys are the elements ------------------------------------------------------------------


def add_all(result: Any, items: Any) -> None:
    for item in items:
        result.add(item)


def discard(items: Any, item: Any) -> None:
    if item in items:
        del items[item]


def remove(items: Any, item: Any) -> None:
    if item not in items:
        raise KeyError(str(item))
    del items[item]


def union(a: Any, b: Any) -> Any:
    result = a.copy()
    for item in b:
        result.add(item)
    return result


def intersection(a: Any, b: Any) -> Any:
    result = set()
    for item in a:
        if item in b:
            result.add(item)
    return result


def difference(a: Any, b: Any) -> Any:
    result = set()
    for item in a:
        if item not in b:
            result.add(item)
    return result


def symmetric_difference(a: Any, b: Any) -> Any:
    result = set()
    for item in a:
        if item not in b:
            result.add(item)
    for item in b:
        if item not in a:
            result.add(item)
    return result


def is_subset(a: Any, b: Any) -> bool:
    return all([item in b for item in a])


def is_disjoint(a: Any, b: Any) -> bool:
    return all([item not in b for item in a])


def same_elements(a: Any, b: Any) -> bool:
    return len(a) == len(b) and is_subset(a, b)


def keep_only(a: Any, kept: Any) -> None:
    for item in list(a):
        if item not in kept:
            del a[item]


def drop_all(a: Any, dropped: Any) -> None:
    for item in dropped:
        if item in a:
            del a[item]


# -- text of numbers ------------------------------------------------------------------------------------------


def is_int_text(text: str) -> bool:
    """Whether `int(text)` works."""
    digits = text.strip()
    if digits.startswith("-") or digits.startswith("+"):
        digits = digits[1:]
    if digits.startswith("_") or digits.endswith("_") or "__" in digits:
        return False
    return digits.replace("_", "").isdigit()


def is_float_text(text: str) -> bool:
    """Whether `float(text)` works."""
    number = text.strip().lower()
    if number.startswith("-") or number.startswith("+"):
        number = number[1:]
    if number == "inf" or number == "infinity" or number == "nan":
        return True
    if "e" in number:
        parts = number.split("e")
        if len(parts) != 2 or not is_int_text(parts[1]) or parts[1].strip() != parts[1]:
            return False
        number = parts[0]
    if "." in number:
        halves = number.split(".")
        if len(halves) != 2:
            return False
        number = halves[0] + halves[1]
    return (
        is_int_text(number)
        and number.strip() == number
        and not (number.startswith("-") or number.startswith("+"))
    )
