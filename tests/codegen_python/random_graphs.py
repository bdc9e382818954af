"""Graphs made at random, well-formed and terminating: ints, bools, a list that is changed, If and Loop."""

from __future__ import annotations

import random

from torchscript import types as T
from torchscript.ir import Block, Graph, Value

from .graphs import operator

INTS = T.ListType(T.INT)
ENDLESS = 2**63 - 1
NAMES = [None, None, None, "a", "b", "c", "x"]


def noted(log: list[int], x: int) -> int:
    """A function with an effect and a result."""
    log.append(x)
    return x + 1


def doubted(log: list[int], x: int) -> bool:
    log.append(x)
    return x % 2 == 0


class Maker:
    def __init__(self, seed: int, size: int, calls: bool) -> None:
        self.calls = calls
        self.random = random.Random(seed)
        self.budget = size
        self.graph = Graph()

    def make(self) -> Graph:
        block = self.graph.block
        ints = [block.add_parameter(T.INT, n) for n in ("a", "b", "n")]
        log = self.log = block.add_parameter(INTS, "log")
        self.fill(block, ints, [], log, 0)
        if self.random.random() < 0.4:
            block.add_output(self.return_of_loop(block, ints, [], log, 0))
            return self.graph
        block.add_output(self.int_of(block, ints))
        if self.random.random() < 0.3:
            block.add_output(self.int_of(block, ints))
        return self.graph

    def name(self) -> str | None:
        return self.random.choice(NAMES)

    def int_of(self, block: Block, ints: list[Value]) -> Value:
        if not ints or self.random.random() < 0.15:
            return block.constant(self.random.randrange(-2, 4), T.INT)
        return self.random.choice(ints[-4:] if self.random.random() < 0.6 else ints)

    def bool_of(self, block: Block, ints: list[Value], bools: list[Value]) -> Value:
        choice = self.random.random()
        if self.calls and choice < 0.1:
            call = {"callable": doubted, "name": "doubted"}
            return block.add("prim::PythonCall", [self.log, self.int_of(block, ints)], [T.BOOL], call).output
        if bools and choice < 0.4:
            return self.random.choice(bools)
        if choice < 0.5:
            return block.constant(self.random.random() < 0.5, T.BOOL)
        kind = self.random.choice(["aten::lt", "aten::eq"])
        return operator(block, kind, self.int_of(block, ints), self.int_of(block, ints))

    def fill(self, block: Block, ints: list[Value], bools: list[Value], log: Value, depth: int) -> None:
        """Append nodes; `ints` and `bools` are what is in scope, and are extended."""
        for _ in range(self.random.randrange(0, 7)):
            if self.budget <= 0:
                return
            self.budget -= 1
            choice = self.random.random()
            if choice < 0.35:
                kind = self.random.choice(["aten::add", "aten::sub", "aten::mul"])
                a = self.int_of(block, ints)
                b = (
                    self.int_of(block, ints)
                    if kind != "aten::mul"
                    else block.constant(self.random.randrange(3), T.INT)
                )
                ints.append(operator(block, kind, a, b, name=self.name()))
            elif choice < 0.45:
                operator(block, "aten::append", log, self.int_of(block, ints))
            elif choice < 0.55:
                ints.append(operator(block, "aten::len", log, name=self.name()))
            elif self.calls and choice < 0.59:
                call = {"callable": noted, "name": "noted"}
                node = block.add("prim::PythonCall", [log, self.int_of(block, ints)], [T.INT], call)
                node.output.name = self.name()
                ints.append(node.output)
            elif choice < 0.64:
                condition = self.bool_of(block, ints, bools)
                bools.append(operator(block, "aten::__not__", condition, name=self.name()))
            elif choice < 0.66:
                node = block.add("prim::unchecked_cast", [self.int_of(block, ints)], [T.INT])
                node.outputs[0].name = self.name()
                ints.append(node.outputs[0])
            elif choice < 0.7:
                parts = [self.int_of(block, ints), self.int_of(block, ints)]
                pair = block.add("prim::TupleConstruct", parts, [T.TupleType((T.INT, T.INT))]).outputs[0]
                unpack = block.add("prim::TupleUnpack", [pair], [T.INT, T.INT])
                unpack.outputs[0].name = self.name()
                ints.extend(unpack.outputs)
            elif depth < 4 and choice < 0.86:
                self.branch(block, ints, bools, log, depth)
            elif depth < 3:
                self.loop(block, ints, bools, log, depth)

    def branch(self, block: Block, ints: list[Value], bools: list[Value], log: Value, depth: int) -> None:
        node = block.add("prim::If", [self.bool_of(block, ints, bools)])
        types = [self.random.choice([T.INT, T.INT, T.BOOL]) for _ in range(self.random.randrange(0, 4))]
        raising = self.random.random() < 0.05
        for side in range(2):
            inner = node.add_block()
            own_ints, own_bools = list(ints), list(bools)
            self.fill(inner, own_ints, own_bools, log, depth + 1)
            if raising and side == 0:
                text = inner.constant("stop", T.STRING)
                inner.add("prim::RaiseException", [text, inner.constant(None, T.NONE)])
            for type in types:
                value = (
                    self.int_of(inner, own_ints)
                    if type == T.INT
                    else self.bool_of(inner, own_ints, own_bools)
                )
                inner.add_output(value)
        for type in types:
            (ints if type == T.INT else bools).append(node.add_output(type, self.name()))

    def loop(self, block: Block, ints: list[Value], bools: list[Value], log: Value, depth: int) -> None:
        """A `for`, or a `while` that a counter ends."""
        count = self.random.randrange(0, 4)
        inits = [self.int_of(block, ints) for _ in range(count)]
        is_while = self.random.random() < 0.5
        kind = self.random.random()
        if is_while:
            limit = block.constant(self.random.randrange(0, 4), T.INT)
            inits.append(block.constant(0, T.INT))
            trips = block.constant(ENDLESS, T.INT)
            if kind < 0.6:
                first = operator(block, "aten::lt", inits[-1], limit)
            else:
                first = self.bool_of(block, ints, bools)
        else:
            trips = block.constant(self.random.randrange(0, 4), T.INT)
            first = block.constant(True, T.BOOL) if kind < 0.7 else self.bool_of(block, ints, bools)
        node = block.add("prim::Loop", [trips, first, *inits])
        body = node.add_block()
        own_ints, own_bools = list(ints), list(bools)
        index = body.add_parameter(T.INT, self.name())
        if self.random.random() < 0.5:
            own_ints.append(index)
        names = [self.name() for _ in inits]
        parameters = [body.add_parameter(T.INT, name) for name in names]
        own_ints.extend(parameters)
        self.fill(body, own_ints, own_bools, log, depth + 1)
        yields = [self.int_of(body, own_ints) for _ in range(count)]
        if is_while:
            yields.append(
                operator(body, "aten::add", parameters[-1], body.constant(1, T.INT), name=self.name())
            )
            again = operator(body, "aten::lt", yields[-1], limit)
        else:
            again = body.constant(True, T.BOOL)
        if self.random.random() < 0.5:
            again = self.with_flag(body, own_ints, own_bools, log, again, yields, depth)
        body.add_output(again)
        for value in yields:
            body.add_output(value)
        for name in names:
            ints.append(node.add_output(T.INT, name))

    def with_flag(
        self,
        body: Block,
        ints: list[Value],
        bools: list[Value],
        log: Value,
        again: Value,
        yields: list[Value],
        depth: int,
    ) -> Value:
        """A `break`: the last If yields a flag, on which going on depends."""
        node = body.add("prim::If", [self.bool_of(body, ints, bools)])
        joined = [i for i in range(len(yields)) if self.random.random() < 0.7]
        flags = [self.random.random() < 0.5, self.random.random() < 0.5]
        for flag in flags:
            inner = node.add_block()
            own_ints, own_bools = list(ints), list(bools)
            self.fill(inner, own_ints, own_bools, log, depth + 1)
            inner.add_output(inner.constant(flag, T.BOOL))
            for i in joined:
                inner.add_output(yields[i] if self.random.random() < 0.5 else self.int_of(inner, own_ints))
        done = node.add_output(T.BOOL)
        for i in joined:
            value = node.add_output(T.INT, self.name())
            if i < len(yields) - 1 or body.owner.inputs[0].node.attributes["value"] != ENDLESS:
                yields[i] = value
        kind = self.random.random()
        if kind < 0.4:
            test = body.add("prim::If", [done])
            test.add_block().add_output(test.blocks[0].constant(False, T.BOOL))
            other = test.add_block()
            if again.node.kind == "prim::Constant":
                other.add_output(again)
            else:
                limit = again.node.inputs[1]
                other.add_output(operator(other, "aten::lt", yields[-1], limit))
            return test.add_output(T.BOOL)
        stop = operator(body, "aten::__not__", done)
        if again.node.kind == "prim::Constant":
            return stop if kind < 0.8 else done
        test = body.add("prim::If", [stop])
        test.add_block().add_output(again)
        test.add_block().add_output(test.blocks[1].constant(False, T.BOOL))
        return test.add_output(T.BOOL)

    def return_of_loop(
        self, block: Block, ints: list[Value], bools: list[Value], log: Value, depth: int
    ) -> Value:
        """What a function returns: what a loop found, or something computed after it."""
        flag, found, more = self.returning_loop(block, ints, bools, log, depth)
        node = block.add("prim::If", [flag])
        then, otherwise = node.add_block(), node.add_block()
        if self.random.random() < 0.4:
            found = operator(then, "aten::add", found, then.constant(1, T.INT))
        then.add_output(found)
        own_ints = [*ints, *more]
        self.fill(otherwise, own_ints, list(bools), log, depth + 1)
        otherwise.add_output(self.int_of(otherwise, own_ints))
        return node.add_output(T.INT)

    def returning_loop(
        self, block: Block, ints: list[Value], bools: list[Value], log: Value, depth: int
    ) -> tuple[Value, Value, list[Value]]:
        """A `for` with a `return` in it: whether it returned, what, and another variable."""
        inits = [block.constant(False, T.BOOL), block.add("prim::Uninitialized", [], [T.INT]).output]
        inits.append(self.int_of(block, ints))
        trips = block.constant(self.random.randrange(0, 4), T.INT)
        node = block.add("prim::Loop", [trips, block.constant(True, T.BOOL), *inits])
        body = node.add_block()
        index = body.add_parameter(T.INT, "i")
        parameters = [body.add_parameter(v.type) for v in inits]
        own_ints, own_bools = [*ints, index, parameters[2]], list(bools)
        self.fill(body, own_ints, own_bools, log, depth + 1)
        if depth < 2 and self.random.random() < 0.4:
            test, found, more = self.returning_loop(body, own_ints, own_bools, log, depth + 1)
            own_ints.extend(more)
        else:
            test, found = self.bool_of(body, own_ints, own_bools), self.int_of(body, own_ints)
        branch = body.add("prim::If", [test])
        then, otherwise = branch.add_block(), branch.add_block()
        then_ints, other_ints = list(own_ints), list(own_ints)
        if self.random.random() < 0.4:
            self.fill(then, then_ints, list(own_bools), log, depth + 2)
        self.fill(otherwise, other_ints, list(own_bools), log, depth + 2)
        then.add_output(then.constant(True, T.BOOL))
        then.add_output(found)
        then.add_output(self.int_of(then, then_ints))
        if self.random.random() < 0.8:
            otherwise.add_output(otherwise.constant(False, T.BOOL))
            otherwise.add_output(otherwise.add("prim::Uninitialized", [], [T.INT]).output)
        else:
            otherwise.add_output(self.bool_of(otherwise, other_ints, []))
            otherwise.add_output(self.int_of(otherwise, other_ints))
        otherwise.add_output(self.int_of(otherwise, other_ints))
        outputs = [branch.add_output(T.BOOL), branch.add_output(T.INT), branch.add_output(T.INT, self.name())]
        body.add_output(operator(body, "aten::__not__", outputs[0]))
        for value in outputs:
            body.add_output(value)
        results = [node.add_output(v.type) for v in inits]
        return results[0], results[1], results[2:]


def random_graph(seed: int, size: int = 40, calls: bool = False) -> Graph:
    """`calls` says whether it calls Python functions, which have effects and results, and cannot be saved."""
    return Maker(seed, size, calls).make()
