"""The types of generated programs.

A tensor's kind has its shape and element type, so that most generated operators fit; the program says `Tensor`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A type; `annotation` is how the program writes it."""

    @property
    def annotation(self) -> str:
        raise NotImplementedError

    @property
    def is_mutable(self) -> bool:
        return False


@dataclass(frozen=True)
class Scalar(Kind):
    name: str

    @property
    def annotation(self) -> str:
        return self.name


@dataclass(frozen=True)
class ListOf(Kind):
    element: Kind

    @property
    def annotation(self) -> str:
        return f"List[{self.element.annotation}]"

    @property
    def is_mutable(self) -> bool:
        return True


@dataclass(frozen=True)
class DictOf(Kind):
    key: Kind
    value: Kind

    @property
    def annotation(self) -> str:
        return f"Dict[{self.key.annotation}, {self.value.annotation}]"

    @property
    def is_mutable(self) -> bool:
        return True


@dataclass(frozen=True)
class TupleOf(Kind):
    elements: tuple[Kind, ...]

    @property
    def annotation(self) -> str:
        return f"Tuple[{', '.join(e.annotation for e in self.elements)}]"


@dataclass(frozen=True)
class OptionalOf(Kind):
    element: Kind

    @property
    def annotation(self) -> str:
        return f"Optional[{self.element.annotation}]"


@dataclass(frozen=True)
class TensorOf(Kind):
    shape: tuple[int, ...]

    @property
    def annotation(self) -> str:
        return "Tensor"

    @property
    def is_mutable(self) -> bool:
        return True


@dataclass(frozen=True)
class Record(Kind):
    """A class of the program: a NamedTuple, or a script class whose fields can be assigned."""

    name: str
    fields: tuple[tuple[str, Kind], ...]
    mutable: bool = False

    @property
    def annotation(self) -> str:
        return self.name

    @property
    def is_mutable(self) -> bool:
        return self.mutable


INT = Scalar("int")
FLOAT = Scalar("float")
BOOL = Scalar("bool")
STR = Scalar("str")
SCALARS = (INT, BOOL, FLOAT, STR)

INTS = ListOf(INT)
FLOATS = ListOf(FLOAT)
STRINGS = ListOf(STR)
SCALAR_TENSOR = TensorOf(())
VECTOR = TensorOf((3,))
MATRIX = TensorOf((2, 3))
TENSORS = (MATRIX, VECTOR, SCALAR_TENSOR)

KINDS: tuple[Kind, ...] = (
    *SCALARS, MATRIX, VECTOR, INTS, STRINGS, FLOATS, SCALAR_TENSOR,
    DictOf(STR, INT), DictOf(INT, FLOAT), DictOf(STR, INTS), DictOf(STR, VECTOR),
    TupleOf((INT, STR)), TupleOf((INT, FLOAT, BOOL)), TupleOf((VECTOR, INTS)),
    OptionalOf(INT), OptionalOf(STR), OptionalOf(INTS), OptionalOf(VECTOR),
    ListOf(INTS), ListOf(VECTOR), ListOf(TupleOf((INT, STR))), ListOf(OptionalOf(INT)),
)  # fmt: skip
"""What variables, arguments and results are of, the simplest first."""
