"""Script classes as people write them: inheritance, properties, operators, dataclasses, enums, named tuples."""

import collections
import dataclasses
import enum
from typing import NamedTuple

import pytest
import torch

import torchscript as jit


class Base:
    def __init__(self, a: int):
        self.a = a

    def get(self) -> int:
        return self.a

    def twice(self) -> int:
        return self.get() * 2


class Child(Base):
    def __init__(self, a: int, b: float):
        super().__init__(a)
        self.b = b

    def get(self) -> int:
        return super().get() + 1


class Number:
    def __init__(self, v: int):
        self._v = v

    @property
    def v(self) -> int:
        return self._v

    @v.setter
    def v(self, value: int) -> None:
        self._v = value * 2

    @staticmethod
    def make(n: int) -> "Number":
        return Number(n)

    @classmethod
    def above(cls, n: int) -> "Number":
        return cls(n + 1)

    def __add__(self, other: "Number") -> "Number":
        return Number(self._v + other._v)

    def __rmul__(self, k: int) -> "Number":
        return Number(self._v * k)

    def __lt__(self, other: "Number") -> bool:
        return self._v < other._v

    def __eq__(self, other: "Number") -> bool:
        return self._v == other._v

    def __len__(self) -> int:
        return self._v

    def __contains__(self, k: int) -> bool:
        return k == self._v

    def __getitem__(self, k: int) -> int:
        return k + self._v

    def __call__(self, k: int) -> int:
        return k * self._v

    def __neg__(self) -> "Number":
        return Number(-self._v)

    def __str__(self) -> str:
        return "Number" + str(self._v)


class Counting:
    def __init__(self, n: int):
        self.n = n

    def __enter__(self):
        self.n += 1
        return self

    def __exit__(self, kind, error, trace):
        self.n += 10


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2
    tags: list[str] = dataclasses.field(default_factory=list)

    def norm(self) -> int:
        return self.x * self.x + self.y * self.y


@dataclasses.dataclass
class Point3(Point):
    z: int = 7
    total: int = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = self.x + self.y + self.z


@dataclasses.dataclass(order=True, frozen=True)
class Version:
    major: int
    name: str = "a"


class Color(enum.Enum):
    RED = 1
    GREEN = 2

    def pretty(self) -> str:
        return self.name.lower()

    @property
    def twice(self) -> int:
        return self.value * 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 5


class Mode(str, enum.Enum):
    UP = "u"
    DOWN = "d"


class Box(NamedTuple):
    a: int
    b: float = 0.5
    c: str = "x"

    def total(self) -> float:
        return self.a + self.b


Pair = collections.namedtuple("Pair", ["p", "q"])


def inherited(n: int):
    c = Child(n, 0.5)
    return c.get(), c.twice(), c.b


def properties(n: int):
    number = Number(n)
    number.v = 5
    return number.v, Number.make(n).v, Number.above(n).v


def operators(n: int):
    p, q = Number(n), Number(n + 1)
    return (
        (p + q).v, (2 * p).v, p < q, p > q, p == q, p != q, len(p), 3 in p, p[1], p(2), (-p).v, str(p),
        sorted([Number(3), Number(n - 1)])[0].v,
    )  # fmt: skip


def managed(n: int):
    c = Counting(n)
    with c as k:
        v = k.n
    return v, c.n


def dataclass_points(n: int):
    p, q = Point(n), Point(n, y=5)
    q.tags.append("k")
    return p.norm(), q.y, p == q, p != q, p.tags, q.tags, Point3(n).total, Point3(n, 1, [], 4).norm()


def dataclass_orders(n: int):
    return (
        Version(1) < Version(2),
        Version(n) == Version(3),
        Version(1, "b") > Version(1, "a"),
        Version(1) >= Version(n),
    )


def enums(n: int):
    c = Color.RED
    if n == 2:
        c = Color.GREEN
    return (
        c.name, c.value, c == Color.GREEN, c is Color.GREEN, c in (Color.RED,), c.pretty(), c.twice,
        [k.name for k in Color], len(Color), Color["RED"].value, Color(n).name,
    )  # fmt: skip


def data_enums(n: int, s: str):
    return n + Level.LOW, Level.HIGH * 2, n == Level.HIGH, Level.LOW < n, s == Mode.UP, s == Mode.DOWN.value


def named_tuples(n: int):
    t, u = Box(n), Box(n, c="k")
    a, b, c = u
    return t.b, u.c, a, b, c, t[0], t._replace(a=9).a, len(t), t.total(), u._asdict()["c"]


def plain_named_tuple(x):
    pair = Pair(p=x, q=x + 1)
    return pair.p + pair.q, pair._replace(p=x * 2).p


CASES = [
    (inherited, 3), (properties, 3), (operators, 3), (managed, 2), (dataclass_points, 3), (dataclass_orders, 3), (enums, 2),
    (enums, 1), (data_enums, 5, "u"), (named_tuples, 2), (plain_named_tuple, torch.ones(2)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def test_a_value_that_is_no_member():
    def name(n: int):
        return Color(n).name

    with pytest.raises(ValueError, match="9 is not a valid Color"):
        jit.script(name)(9)
