"""`match`: constants, alternatives, guards, sequences, enums, classes."""

import enum

import pytest


class Color(enum.Enum):
    RED = 1
    GREEN = 2


def numbers(n: int):
    match n:
        case 0:
            return "none"
        case 1 | 2:
            return "few"
        case _:
            return "many"


def guarded(s: str, n: int):
    match s:
        case "a":
            r = 1
        case "b" if n > 2:
            r = 2
        case other:
            r = len(other)
    match (n, s):
        case (3, "b"):
            r += 10
        case (k, _):
            r += k
    return r


def sequences(xs: list[int]):
    match xs:
        case []:
            return 0
        case [a]:
            return a
        case [1, *rest]:
            return 100 + len(rest)
        case [a, b, *_] if a > b:
            return a - b
        case [a, *middle, b]:
            return a + b + len(middle)
    return -1


def colors(n: int):
    c = Color.GREEN if n == 2 else Color.RED
    match c:
        case Color.RED:
            return "red"
        case Color.GREEN:
            return "green"
    return ""


CASES = [
    *((numbers, n) for n in (0, 2, 7)), *((guarded, s, n) for s, n in (("a", 1), ("b", 3), ("b", 1), ("long", 3))),
    *((sequences, xs) for xs in ([], [4], [1, 2, 3], [5, 2, 9], [2, 5], [2, 3, 4, 5])), (colors, 1), (colors, 2),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def test_other_patterns_are_refused(assert_refused):
    def f(d: dict[str, int]):
        match d:
            case {"a": 1}:
                return 1
        return 0

    assert "if/elif" in assert_refused(f, 'case {"a": 1}:')
