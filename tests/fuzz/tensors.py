"""Expressions of tensors: pointwise operators, reductions, views, subscripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import BOOL, FLOAT, FLOATS, INT, MATRIX, SCALAR_TENSOR, VECTOR, ListOf, TensorOf

if TYPE_CHECKING:
    from .expressions import Expressions

POINTWISE = ("relu", "sigmoid", "tanh", "neg", "abs", "sin", "clone", "detach")
REDUCTIONS = ("sum(0)", "sum(dim=0)", "mean(dim=0)", "max(dim=0)[0]", "amax(0)")
FUNCTIONS = ("torch.relu", "torch.sigmoid", "F.relu", "F.leaky_relu", "torch.tanh", "torch.neg")


class TensorExpressions:
    """The part of `Expressions` that makes tensors; all are of float32."""

    def tensor_literal(self: Expressions, kind: TensorOf) -> str:
        c = self.choices
        shape = ", ".join(map(str, kind.shape))
        if kind == SCALAR_TENSOR:
            return f"torch.tensor({self.literal(FLOAT)})"
        if kind == VECTOR and c.chance(40):
            return f"torch.tensor([{', '.join(self.literal(FLOAT) for _ in range(3))}])"
        return c.one_of(
            (f"torch.ones({shape})", f"torch.zeros({shape})", f"torch.full([{shape}], {self.literal(FLOAT)})")
        )

    def tensor(self: Expressions, kind: TensorOf, depth: int) -> str:
        c = self.choices
        way = c.number(0, 9)
        own = self.expression(kind, depth)
        if way <= 2:
            operator = c.one_of(("+", "-", "*", "/"))
            other = c.one_of((kind, FLOAT, INT, SCALAR_TENSOR))
            text = self.expression(other, depth)
            if other in (FLOAT, INT) and c.chance(25):
                own, text = text, own
            return f"({own} {operator} {text})"
        if way == 3:
            return f"{own}.{c.one_of(POINTWISE)}()"
        if way == 4:
            return f"{c.one_of(FUNCTIONS)}({own})"
        if way == 5:
            a, b = self.expression(kind, depth), self.expression(kind, depth)
            return f"torch.where({a} {c.one_of(('>', '<=', '=='))} {b}, {own}, {b})"
        if way == 6:
            low, high = self.expression(FLOAT, depth), self.expression(FLOAT, depth)
            return c.one_of(
                (
                    f"{own}.clamp({low}, {high})",
                    f"torch.clamp({own}, min={low})",
                    f"torch.add({own}, {own}, alpha=2)",
                )
            )
        if kind == MATRIX:
            return self._matrix(own, depth)
        if kind == VECTOR:
            return self._vector(depth)
        return self._scalar_tensor(depth)

    def _matrix(self: Expressions, own: str, depth: int) -> str:
        c = self.choices
        way = c.number(0, 4)
        if way == 0:
            vector = self.expression(VECTOR, depth)
            return f"({own} {c.one_of(('+', '*'))} {vector})"
        if way == 1:
            return f"torch.stack([{self.expression(VECTOR, depth)}, {self.expression(VECTOR, depth)}])"
        if way == 2:
            return f"torch.cat([{own}, {self.expression(MATRIX, depth)}])[:2]"
        if way == 3:
            return f"{own}.t().contiguous().view(2, 3)"
        return c.one_of(
            (
                f"{own}.view(3, 2).t()",
                f"{own}.flip(0)",
                f"{own}.reshape([2, 3])",
                f"{own}.view(-1).view(2, -1)",
            )
        )

    def _vector(self: Expressions, depth: int) -> str:
        c = self.choices
        way = c.number(0, 4)
        if way == 0:
            return f"{self.expression(MATRIX, depth)}[{c.one_of(('0', '-1', '1'))}]"
        if way == 1:
            return f"{self.expression(MATRIX, depth)}.{c.one_of(REDUCTIONS)}"
        if way == 2:
            return f"{self.expression(MATRIX, depth)}.view(-1)[{c.one_of((':3', '3:', '::2', '1:4'))}]"
        if way == 3:
            return f"(({self.expression(MATRIX, depth)} @ {self.expression(VECTOR, depth)}).sum() * torch.ones(3))"
        return f"{self.expression(MATRIX, depth)}[{self.index(depth)}, :]"

    def _scalar_tensor(self: Expressions, depth: int) -> str:
        c = self.choices
        way = c.number(0, 4)
        if way == 0:
            return f"{self.expression(c.one_of((MATRIX, VECTOR)), depth)}.{c.one_of(('sum()', 'mean()', 'max()', 'prod()'))}"
        if way == 1:
            return f"{self.expression(VECTOR, depth)}[{self.index(depth)}]"
        if way == 2:
            return f"{self.expression(MATRIX, depth)}[{self.index(depth)}, {c.one_of(('0', '2', '-1'))}]"
        if way == 3:
            return f"torch.dot({self.expression(VECTOR, depth)}, {self.expression(VECTOR, depth)})"
        return f"torch.sum(torch.stack({self.expression(ListOf(VECTOR), depth)}))"
