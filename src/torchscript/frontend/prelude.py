"""What Python's builtins do and no operator does, written in the language itself.

A call of `sorted(xs, key=f)` is compiled as a call of `sorted_by(xs, f, False)`. So an archive carries these
functions along as source, and everything that reads archives can run them.
"""

from __future__ import annotations

import math
from typing import Any

import torch

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


# -- itertools and functools ----------------------------------------------------------------------------------


def reduced(function: Any, items: Any) -> Any:
    if len(items) == 0:
        raise TypeError("reduce() of empty iterable with no initial value")
    result = items[0]
    for i in range(1, len(items)):
        result = function(result, items[i])
    return result


def reduced_from(function: Any, items: Any, initial: Any) -> Any:
    result = initial
    for item in items:
        result = function(result, item)
    return result


def accumulated(items: Any, function: Any) -> Any:
    result = items[:1]
    for i in range(1, len(items)):
        result.append(function(result[i - 1], items[i]))
    return result


def flattened(groups: Any) -> Any:
    return [item for group in groups for item in group]


def pairs_of(items: Any) -> Any:
    return [(items[i], items[i + 1]) for i in range(len(items) - 1)]


def combinations_of_2(items: Any) -> Any:
    return [(items[i], items[j]) for i in range(len(items)) for j in range(i + 1, len(items))]


def combinations_of_3(items: Any) -> Any:
    return [
        (items[i], items[j], items[k])
        for i in range(len(items))
        for j in range(i + 1, len(items))
        for k in range(j + 1, len(items))
    ]


def permutations_of_2(items: Any) -> Any:
    return [(items[i], items[j]) for i in range(len(items)) for j in range(len(items)) if i != j]


def products_of_2(a: Any, b: Any) -> Any:
    return [(x, y) for x in a for y in b]


def products_of_3(a: Any, b: Any, c: Any) -> Any:
    return [(x, y, z) for x in a for y in b for z in c]


def dict_of_pairs(result: Any, pairs: Any) -> None:
    for key, value in pairs:
        result[key] = value


# -- attributes of dtypes -------------------------------------------------------------------------------------


def _is_floating_point(dtype: torch.dtype) -> bool:
    return torch.empty([0], dtype=dtype).is_floating_point()


def _is_complex(dtype: torch.dtype) -> bool:
    return torch.empty([0], dtype=dtype).is_complex()


def _itemsize(dtype: torch.dtype) -> int:
    return torch.empty([0], dtype=dtype).element_size()


DTYPE_ATTRIBUTES = {"is_floating_point": _is_floating_point, "is_complex": _is_complex, "itemsize": _itemsize}


def is_less(a: Any, b: Any) -> bool:
    """`a < b` of lists: by the first elements that differ."""
    for i in range(min(len(a), len(b))):
        if a[i] != b[i]:
            return bool(a[i] < b[i])
    return len(a) < len(b)


def is_at_most(a: Any, b: Any) -> bool:
    """`a <= b` of lists, which is not `not b < a` where there is a NaN."""
    for i in range(min(len(a), len(b))):
        if a[i] != b[i]:
            return bool(a[i] < b[i])
    return len(a) <= len(b)


# -- tensors --------------------------------------------------------------------------------------------------


def tensor_of(values: Any) -> torch.Tensor:
    """`torch.tensor(values)` of tensors with one element each."""
    for value in values:
        if value.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
    return torch.stack([value.detach().reshape([]) for value in values])


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


def keep_either(a: Any, b: Any) -> None:
    kept = symmetric_difference(a, b)
    a.clear()
    for item in kept:
        a.add(item)


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


def grouped(text: str, separator: str) -> str:
    """Thousands apart: `1234567.5` → `1,234,567.5`."""
    whole = text.split(".")[0]
    result = ""
    for i in range(len(whole)):
        if i > 0 and (len(whole) - i) % 3 == 0:
            result += separator
        result += whole[i]
    return result + text[len(whole) :]


def signed(text: str, negative: bool, plus: str) -> str:
    return ("-" if negative else plus) + text


def repeated(text: str, count: int) -> str:
    """`text * count`."""
    return "".join([text for _ in range(count)])


def padded(text: str, width: int, fill: str, align: str) -> str:
    missing = width - len(text)
    if missing <= 0:
        return text
    if align == "<":
        return text + repeated(fill, missing)
    if align == "^":
        return repeated(fill, missing // 2) + text + repeated(fill, missing - missing // 2)
    if align == "=" and len(text) > 0 and (text[0] == "-" or text[0] == "+" or text[0] == " "):
        return text[0] + repeated(fill, missing) + text[1:]
    return repeated(fill, missing) + text


def quoted(text: str) -> str:
    """`repr(text)` of printable text."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    if "'" in text and '"' not in text:
        return '"' + escaped + '"'
    return "'" + escaped.replace("'", "\\'") + "'"


def without_prefix(text: str, prefix: str) -> str:
    return text[len(prefix) :] if text.startswith(prefix) else text


def without_suffix(text: str, suffix: str) -> str:
    return text[: len(text) - len(suffix)] if text.endswith(suffix) else text


def shown_as_tuple(items: Any) -> str:
    """`str(tuple(items))`."""
    inner = str(items)
    return "(" + inner[1 : len(inner) - 1] + (",)" if len(items) == 1 else ")")


def shown_as_tuple_or_none(items: Any) -> str:
    """`str(tuple(items))`, or of None."""
    return "None" if items is None else shown_as_tuple(list(items))


def shown_as_set(items: Any) -> str:
    """`str(set(items))`, in the order in which they came."""
    inner = str(items)
    return "{" + inner[1 : len(inner) - 1] + "}" if len(items) > 0 else "set()"


# -- dicts ----------------------------------------------------------------------------------------------------


def set_keys(result: Any, keys: Any, value: Any) -> None:
    for key in keys:
        result[key] = value


def update_dict(result: Any, items: Any) -> None:
    for key, value in items.items():
        result[key] = value


def equal_dicts(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    return all(key in b and b[key] == value for key, value in a.items())


def merged_dicts(a: Any, b: Any) -> Any:
    result = a.copy()
    update_dict(result, b)
    return result


def conjugate(value: complex) -> complex:
    return complex(value.real, -value.imag)


def power_modulo(base: int, exponent: int, modulus: int) -> int:
    """`pow(base, exponent, modulus)`."""
    if (
        exponent < 0 or modulus > 3037000499 or modulus < -3037000499
    ):  # the square of more does not fit 64 bits
        raise ValueError(
            "pow() with three arguments takes an exponent from 0 on and a modulus below 2**31.5 here"
        )
    result, factor = 1 % modulus, base % modulus
    while exponent > 0:
        if exponent % 2 == 1:
            result = result * factor % modulus
        factor = factor * factor % modulus
        exponent = exponent // 2
    return result


def hypotenuse(a: float, b: float) -> float:
    """`math.hypot(a, b)`."""
    first = torch.full([], a, dtype=torch.float64)
    return float(torch.hypot(first, torch.full([], b, dtype=torch.float64)).item())


def is_whole(value: float) -> bool:
    return math.isfinite(value) and math.fmod(value, 1.0) == 0.0


def move_to_end(items: Any, key: Any) -> None:
    value = items[key]
    del items[key]
    items[key] = value


def move_to_front(items: Any, key: Any) -> None:
    value = items[key]
    others = items.copy()
    items.clear()
    items[key] = value
    for other in others:
        if other != key:
            items[other] = others[other]


def pop_first(items: Any) -> Any:
    for key in items:
        value = items[key]
        del items[key]
        return key, value
    raise KeyError("dictionary is empty")


# -- deques: lists ---------------------------------------------------------------------------------------------


def append_all(queue: Any, items: Any) -> None:
    for item in items:
        queue.append(item)


def append_all_left(queue: Any, items: Any) -> None:
    for item in items:
        queue.appendleft(item)


def drop_first(queue: Any, limit: int) -> None:
    while len(queue) > limit:
        queue.popleft()


def drop_last(queue: Any, limit: int) -> None:
    while len(queue) > limit:
        queue.pop()


def rotate(queue: Any, steps: int) -> None:
    if len(queue) > 0:
        for _ in range(steps % len(queue)):
            queue.insert(0, queue.pop())


# -- rows and columns ------------------------------------------------------------------------------------------


def need_rows(rows: Any, count: int) -> None:
    if len(rows) == 0:
        raise ValueError("not enough values to unpack (expected " + str(count) + ", got 0)")


def columns_of(rows: Any) -> Any:
    """`list(zip(*rows))`."""
    count = min([len(row) for row in rows]) if len(rows) > 0 else 0
    return [tuple([row[i] for row in rows]) for i in range(count)]


# -- Counter --------------------------------------------------------------------------------------------------


def count_all(result: Any, items: Any) -> None:
    for item in items:
        result[item] = result.get(item, 0) + 1


def add_counts(result: Any, counts: Any) -> None:
    for key, count in counts.items():
        result[key] = result.get(key, 0) + count


def subtract_all(result: Any, items: Any) -> None:
    for item in items:
        result[item] = result.get(item, 0) - 1


def _count(pair: Any) -> Any:
    return pair[1]


def most_common(counts: Any) -> Any:
    return sorted_by(list(counts.items()), _count, True)


def total(counts: Any) -> int:
    result = 0
    for count in counts.values():
        result += count
    return result


def elements(counts: Any) -> Any:
    return [key for key, count in counts.items() for _ in range(count)]
