"""From a graph to statements: what becomes `return`, `while`, `break`, `with`, and when each value is alive.

The last `prim::If` of a block hands what follows it to its branches, where nothing else reads its outputs:

    %r = prim::If(%c)  block0() … -> (%a)  block1() … -> (%b)         if c: … return a
    return (%r)                                                  →    … return b

so that a branch ends with the `return`, or the copies into the loop's variables and the `break`, itself. A loop that
carries whether it has returned, and what, in front of a `prim::If` that then returns it, returns in its body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import BackendError
from ...ir.graph import Block, Function, Node, Value
from ...source import SourceRange
from . import plan as P
from .conditions import Again, Conditions, known_bool
from .facts import Facts
from .folding import Folding
from .locals import Life, Local, Region
from .outline import outline_block, outline_node
from .tails import End, Leaving, Tail, Test
from .values import constant_of, is_constant

_ENDLESS = 2**63 - 1


class Planner:
    def __init__(self, function: Function, facts: Facts, folding: Folding) -> None:
        self._function = function
        self._facts = facts
        self._folding = folding
        self._conditions = Conditions(facts, folding)
        self._clock = 0
        self._locals: list[Local] = []
        self._lives: dict[Value, Life] = {}

    def plan(self) -> P.Plan:
        block = self._function.graph.block
        region = Region(None, 0, 0)
        arguments = []
        schema = self._function.schema
        for index, value in enumerate(block.parameters):
            name = value.name
            if schema is not None and index < len(schema.arguments):
                name = schema.arguments[index].name or name
            local = self._new_local(name)
            local.is_argument = True
            self._begin(value, local, region, 0)
            arguments.append(local)
        body = self._block(block, region, Tail(End.RETURN, self._resolved(block.outputs)))
        region.end = self._tick()
        return P.Plan(arguments, body, self._locals, self._lives)

    # -- time ------------------------------------------------------------------------------------------------

    def _tick(self) -> int:
        """The position of the next statement: it reads there, and defines at the position after."""
        self._clock += 2
        return self._clock

    def _new_local(self, name: str | None) -> Local:
        local = Local(name)
        self._locals.append(local)
        return local

    def _begin(self, value: Value | None, local: Local, region: Region, start: int) -> Life:
        life = Life(local, region, start)
        local.lives.append(life)
        if value is not None:
            self._lives[value] = life
        return life

    def _define(self, value: Value, region: Region, start: int) -> Local | None:
        if not self._facts.uses_of(value) and not self._facts.name_of(value):
            return None
        local = self._new_local(self._facts.name_of(value))
        self._begin(value, local, region, start)
        return local

    def _resolved(self, values: Sequence[Value]) -> list[Value]:
        return [self._facts.resolve(v) for v in values]

    def _read(self, value: Value, region: Region, position: int, reading: P.Reading = P.NOTHING) -> None:
        """Record what evaluating the expression of `value` reads."""
        value = self._facts.resolve(value)
        while value in reading:
            stand_in = reading[value]
            if isinstance(stand_in, Life):
                stand_in.uses.append((region, position))
                return
            value = self._facts.resolve(stand_in)
        if is_constant(value):
            return
        node = value.node
        if node is not None and node in self._folding.folded:
            self._read_operands(node, region, position, reading)
            return
        life = self._lives.get(value)
        if life is None:
            raise BackendError(f"A value of '{self._function.qualified_name}' is used before its definition.")
        life.uses.append((region, position))

    def _read_operands(
        self, node: Node, region: Region, position: int, reading: P.Reading = P.NOTHING
    ) -> None:
        for operand in node.inputs:
            self._read(operand, region, position, reading)
        if node in self._folding.ternaries:
            for block in node.blocks:
                self._read(block.outputs[0], region, position, reading)

    # -- blocks ----------------------------------------------------------------------------------------------

    def _block(self, block: Block, region: Region, tail: Tail) -> list[P.Statement]:
        statements: list[P.Statement] = []
        into = statements
        while True:
            nodes = self._folding.statements(block)
            last = self._tail_branch(block, nodes, tail)
            leaving = self._leaving(nodes, last, tail)
            if last is not None:
                nodes = nodes[: -1 if leaving is None else -2]
            ended, into_last = self._nodes(nodes, region, into)
            if ended:
                return statements
            if last is None:
                self._finish(tail, region, into_last, block)
                return statements
            into = into_last
            if leaving is not None:
                loop = self._facts.resolve(last.inputs[0]).node
                assert loop is not None
                self._loop(loop, region, into, leaving, last)
                block, tail = last.blocks[1], self._through(tail, last, 1)
                continue
            position = self._tick()
            self._read(last.inputs[0], region, position)
            branch = P.Branch(P.Condition(last.inputs[0]), last.source, ends_body=tail.end is End.LOOP)
            into.append(branch)
            # One side is compiled by going on here: chains of `elif` nest deep.
            first, second = (0, 1)
            if self._ends_with_branch(last.blocks[0]) and not self._ends_with_branch(last.blocks[1]):
                first, second = (1, 0)
            sides = (branch.then, branch.otherwise)
            sides[first].extend(
                self._block(
                    last.blocks[first], self._inside(region, position), self._through(tail, last, first)
                )
            )
            into, block = sides[second], last.blocks[second]
            region, tail = self._inside(region, position), self._through(tail, last, second)

    def _inside(self, region: Region, entry: int) -> Region:
        return Region(region, entry, self._tick())

    def _ends_with_branch(self, block: Block) -> bool:
        statements = self._folding.statements(block)
        return bool(statements) and statements[-1].kind == "prim::If"

    def _through(self, tail: Tail, node: Node, side: int) -> Tail:
        """The tail of one branch of the `prim::If` that ends a block."""
        yielded = dict(zip(node.outputs, self._resolved(node.blocks[side].outputs), strict=True))
        known = {v: yielded.get(w, w) for v, w in tail.known.items()}
        for output in node.outputs:
            if any(user in tail.again_nodes for user, _ in self._facts.uses_of(output)) or (
                tail.again is not None and self._facts.resolve(tail.again.value) is output
            ):
                known[output] = yielded[output]
        leaving = tail.leaving.through(yielded) if tail.leaving is not None else None
        values = [yielded.get(v, v) for v in tail.values]
        return replace(tail, values=values, known=known, leaving=leaving)

    def _leaving(self, nodes: list[Node], last: Node | None, tail: Tail) -> Leaving | None:
        """Whether `last` returns what the loop before it found, if it found something; else goes on."""
        if (
            last is None
            or len(nodes) < 2
            or nodes[-2].kind != "prim::Loop"
            or nodes[-2] in self._facts.outlined
        ):
            return None
        loop, then = nodes[-2], last.blocks[0]
        flag = self._facts.resolve(last.inputs[0])
        if (
            flag.node is not loop
            or self._facts.uses_of(flag) != [(last, 0)]
            or self._folding.statements(then)
        ):
            return None
        never = self._facts.resolve(loop.inputs[2 + flag.offset])
        if known_bool(never) is not False:
            return None
        end = self._through(tail, last, 0)
        outputs = dict(zip(loop.outputs, self._resolved(loop.blocks[0].outputs[1:]), strict=True))
        if end.end is End.RETURN:
            return Leaving(outputs[flag], never, end.values, outputs)
        if end.leaving is None or known_bool(end.leaving.flag) is not True:
            return None
        known = {v: outputs.get(w, w) for v, w in end.leaving.known.items()}
        return Leaving(outputs[flag], never, end.leaving.values, {**known, **outputs})

    def _tail_branch(self, block: Block, nodes: list[Node], tail: Tail) -> Node | None:
        if not nodes or nodes[-1].kind != "prim::If" or nodes[-1] in self._folding.ternaries:
            return None
        node = nodes[-1]
        for output in node.outputs:
            for user, _ in self._facts.uses_of(output):
                if user is not block.return_node and user not in tail.again_nodes:
                    return None
        if not self._is_worth_it(node, tail) or self._would_repeat(node, tail):
            return None
        if tail.again is not None:
            here = self._conditions.simplified(tail.again.value, tail.known)
            if isinstance(here, Value):
                sides = [self._through(tail, node, side) for side in (0, 1)]
                if all(
                    isinstance(self._conditions.simplified(tail.again.value, s.known), Value) for s in sides
                ):
                    return None
        return node

    def _is_worth_it(self, node: Node, tail: Tail) -> bool:
        """Whether the tail goes into the branches: it must be short, and say more there or save nesting."""
        outputs = set(node.outputs)
        if any(v not in outputs and self._folding.is_folded(v) for v in tail.values):
            return False
        if tail.end is End.LOOP or not outputs.isdisjoint(tail.values):
            return True
        is_guard = not self._folding.statements(node.blocks[0]) and bool(
            self._folding.statements(node.blocks[1])
        )
        return tail.end is End.RETURN and is_guard

    def _would_repeat(self, node: Node, tail: Tail) -> bool:
        """Whether the tail would evaluate twice what a branch computes in the expression that yields it."""
        for index, output in enumerate(node.outputs):
            reads = [*tail.values, *tail.known.values()]
            if tail.leaving is not None:
                reads.append(tail.leaving.flag)
            count = sum(v is output for v in reads)
            count += sum(user in tail.again_nodes for user, _ in self._facts.uses_of(output))
            count += tail.again is not None and self._facts.resolve(tail.again.value) is output
            if count > 1 and any(
                self._folding.is_folded(self._facts.resolve(b.outputs[index])) for b in node.blocks
            ):
                return True
        return False

    def _finish(self, tail: Tail, region: Region, into: list[P.Statement], block: Block) -> None:
        source = _source_of_end(block)
        if tail.leaving is not None and self._leave(tail.leaving, region, into, source):
            return
        if tail.leaving is not None and not is_constant(tail.leaving.flag):
            tail = replace(tail, known={**tail.known, tail.leaving.flag: tail.leaving.never})
        early = self._test_early(tail, region, into, source)
        position = self._tick()
        for value in tail.values:
            self._read(value, region, position)
        if tail.end is End.RETURN:
            into.append(P.Return(tail.values, source))
            return
        lives: dict[Value, Life] = {}
        begun: list[Life] = []
        for target, value in zip(tail.targets, tail.values, strict=True):
            life = self._begin(None, target, region, position + 1)
            begun.append(life)
            if not is_constant(value):
                lives.setdefault(value, life)
            if value in self._lives and not self._folding.is_folded(value):
                target.relate(self._lives[value].local)
        if tail.targets:
            into.append(P.Assign(tail.targets, tail.values, source))
        if tail.again is None:
            return
        rest = self._conditions.simplified(tail.again.value, tail.known)
        if not isinstance(rest, Value):
            if rest == tail.again.negated:
                into.append(P.Break(None, source))
            return
        position = self._tick()
        reading: dict[Value, Value | Life] = {v: lives.get(w, w) for v, w in tail.known.items()}
        reading.update(lives)
        if early is not None:
            reading = {rest: early}
        self._read(rest, region, position, reading)
        for life in begun:
            life.uses.append((region, position))
        into.append(P.Break(P.Condition(rest, reading, tail.again.negated), _source(rest) or source))

    def _test_early(
        self, tail: Tail, region: Region, into: list[P.Statement], source: SourceRange | None
    ) -> Life | None:
        """The condition of the `break` in a variable, if it reads what the copies into the loop's variables end."""
        if tail.again is None:
            return None
        rest = self._conditions.simplified(tail.again.value, tail.known)
        if not isinstance(rest, Value):
            return None
        yielded = {v for v in tail.values if not is_constant(v)}
        leaves = self._conditions.leaves_of(rest, tail.known)
        lives = [self._lives[v] for v in leaves - yielded if v in self._lives]
        if not any(life.local in tail.targets for life in lives):
            return None
        position = self._tick()
        self._read(rest, region, position, tail.known)
        local = self._new_local(None)
        into.append(P.Assign([local], [rest], _source(rest) or source, tail.known))
        return self._begin(None, local, region, position + 1)

    def _leave(
        self, leaving: Leaving, region: Region, into: list[P.Statement], source: SourceRange | None
    ) -> bool:
        """At the end of a loop's body, return if the loop's flag says so; whether it surely does."""
        flag = known_bool(leaving.flag)
        if flag is False:
            return False
        position = self._tick()
        for value in leaving.values:
            self._read(value, region, position, leaving.known)
        leave = P.Return(leaving.values, source, leaving.known)
        if flag is True:
            into.append(leave)
            return True
        self._read(leaving.flag, region, position)
        into.append(P.Branch(P.Condition(leaving.flag), source, [leave]))
        return False

    # -- nodes -----------------------------------------------------------------------------------------------

    def _nodes(
        self, nodes: list[Node], region: Region, into: list[P.Statement]
    ) -> tuple[bool, list[P.Statement]]:
        """Plan nodes; whether the last of them raises, and the list that following statements go to."""
        open: list[tuple[Node, list[P.Statement]]] = []
        for node in nodes:
            if open and node is open[-1][0]:
                _, into = open.pop()
            elif node in self._facts.exits:
                statement = self._with(node, region)
                into.append(statement)
                open.append((self._facts.exits[node], into))
                into = statement.body
            elif node.kind == "prim::If" and node not in self._folding.ternaries:
                self._branch(node, region, into)
            elif node in self._facts.outlined or (node.kind == "prim::fork" and node.blocks):
                into.append(self._outlined(node, region))
            elif node.kind == "prim::Loop":
                self._loop(node, region, into)
            else:
                into.append(self._evaluate(node, region))
                if node.kind == "prim::RaiseException":
                    return True, into
        return False, into

    def _evaluate(self, node: Node, region: Region) -> P.Evaluate:
        position = self._tick()
        self._read_operands(node, region, position)
        return P.Evaluate(node, self._targets(node, region, position))

    def _targets(self, node: Node, region: Region, position: int) -> list[Local | None]:
        return [
            None if v in self._facts.aliases else self._define(v, region, position + 1) for v in node.outputs
        ]

    def _outlined(self, node: Node, region: Region) -> P.CallOutlined:
        name = self._function.qualified_name
        is_fork = node.kind == "prim::fork"
        function, arguments = (
            outline_block(node, f"{name}.fork") if is_fork else outline_node(node, f"{name}.loop")
        )
        position = self._tick()
        for value in arguments:
            self._read(value, region, position)
        return P.CallOutlined(
            function, arguments, self._targets(node, region, position), is_fork, node.source
        )

    def _with(self, node: Node, region: Region) -> P.With:
        position = self._tick()
        self._read_operands(node, region, position)
        targets = self._targets(node, region, position)
        return P.With(node, targets[0] if targets else None)

    def _branch(self, node: Node, region: Region, into: list[P.Statement]) -> None:
        position = self._tick()
        self._read(node.inputs[0], region, position)
        used = [i for i, v in enumerate(node.outputs) if self._facts.uses_of(v)]
        targets = [self._new_local(self._facts.name_of(node.outputs[i])) for i in used]
        branch = P.Branch(P.Condition(node.inputs[0]), node.source)
        for block, side in zip(node.blocks, (branch.then, branch.otherwise), strict=True):
            values = self._resolved([block.outputs[i] for i in used])
            side.extend(self._block(block, self._inside(region, position), Tail(End.JOIN, values, targets)))
        into.append(branch)
        position = self._tick()
        for i, target in zip(used, targets, strict=True):
            self._begin(node.outputs[i], target, region, position + 1)

    # -- loops -----------------------------------------------------------------------------------------------

    def _loop(
        self,
        node: Node,
        region: Region,
        into: list[P.Statement],
        leaving: Leaving | None = None,
        leaver: Node | None = None,
    ) -> None:
        """`leaver` is the `prim::If` that returns where the loop's flag says so, which `leaving` takes the place of."""
        body = node.blocks[0]
        trips, first = self._resolved(node.inputs[:2])
        inits, yields = self._resolved(node.inputs[2:]), self._resolved(body.outputs[1:])
        index, parameters = body.parameters[0], body.parameters[1:]
        conditions = self._conditions
        read_again = conditions.leaves_of(body.outputs[0])
        carried = [
            k
            for k, p in enumerate(parameters)
            if self._is_read_after(node.outputs[k], leaver)
            or self._is_read(p, body.return_node, k + 1)
            or (yields[k] in read_again and (leaving is None or yields[k] is not leaving.flag))
        ]
        slots = [
            self._new_local(self._facts.name_of(parameters[k]) or self._facts.name_of(node.outputs[k]))
            for k in carried
        ]
        values = [yields[k] for k in carried]

        starts = [inits[k] for k in carried]
        test = self._test(node, trips, first, starts, values)
        condition: Local | None = None
        position = self._tick()
        targets = list(slots)
        if test.kept is not None:
            condition = self._new_local(None)
            targets.append(condition)
            starts.append(first)
            values.append(test.kept)
        entries = []
        for target, value in zip(targets, starts, strict=True):
            self._read(value, region, position)
            entries.append(self._begin(None, target, region, position + 1))
            if value in self._lives:
                target.relate(self._lives[value].local)
        if targets:
            into.append(P.Assign(targets, starts, node.source))
        if known_bool(first) is False:
            self._end_loop(node, carried, slots, region, entries)
            return

        is_while = test.head is not None or condition is not None or self._is_endless(trips, index)
        if test.head is None and condition is None and known_bool(first) is None:  # nothing else tests it
            guard = self._tick()
            self._read(first, region, guard)
            branch = P.Branch(P.Condition(first), node.source)
            into.append(branch)
            into = branch.then
        entry = self._tick()
        for life in entries:
            life.uses.append((region, entry))
        inside = Region(region, entry, self._tick(), is_loop=True)
        heads = [self._begin(None, target, inside, inside.start) for target in targets]
        for k, life in zip(carried, heads, strict=False):
            self._lives[parameters[k]] = life
        statement: P.For | P.While
        if is_while:
            if test.head is not None:
                reading: dict[Value, Value | Life] = {v: heads[k] for v, k in test.slots.items()}
                self._read(test.head, inside, inside.start, reading)
                statement = P.While(P.Condition(test.head, reading), node.source)
            else:
                statement = P.While(condition, node.source)
                if condition is not None:
                    heads[-1].uses.append((inside, inside.start))
        else:
            self._read(trips, region, entry)
            statement = P.For(None, trips, node in self._facts.iterations, node.source)
            if self._facts.uses_of(index):
                statement.index = self._new_local(self._facts.name_of(index))
                self._begin(index, statement.index, inside, inside.start + 1)
        into.append(statement)
        again_nodes = conditions.nodes_of(body.outputs[0]) if test.kept is None else set()
        tail = Tail(End.LOOP, values, targets, test.at_end, frozenset(again_nodes), leaving=leaving)
        statement.body.extend(self._block(body, inside, tail))
        inside.end = self._tick()
        self._end_loop(node, carried, slots, region, [])

    def _end_loop(
        self, node: Node, carried: list[int], slots: list[Local], region: Region, entries: list[Life]
    ) -> None:
        position = self._tick()
        for life in entries:
            life.uses.append((region, position))
        for k, slot in zip(carried, slots, strict=True):
            self._begin(node.outputs[k], slot, region, position)

    def _is_read_after(self, output: Value, leaver: Node | None) -> bool:
        """Whether a loop's output is read, but by the `prim::If` that returns it."""
        for user, _ in self._facts.uses_of(output):
            block: Block | None = user.block
            while leaver is not None and block is not None and block is not leaver.blocks[0]:
                block = block.parent
            if leaver is None or (block is None and user is not leaver):
                return True
        return False

    def _is_read(self, parameter: Value, end: Node, own: int) -> bool:
        """Whether a loop's parameter is read for more than to be handed on unchanged."""
        return any(use != (end, own) for use in self._facts.uses_of(parameter))

    def _is_endless(self, trips: Value, index: Value) -> bool:
        return is_constant(trips) and constant_of(trips) == _ENDLESS and not self._facts.uses_of(index)

    def _test(self, node: Node, trips: Value, first: Value, inits: list[Value], yields: list[Value]) -> Test:
        body = node.blocks[0]
        again = self._facts.resolve(body.outputs[0])
        known = known_bool(again)
        at_end = None if known is True else Again(again)
        if not self._is_endless(trips, body.parameters[0]) or known is not None or known_bool(first) is False:
            return Test(at_end=at_end)
        if not is_constant(first):
            for part, rest in self._conditions.split(again):
                slots = self._conditions.next_value(first, part, inits, yields)
                if slots is not None:
                    return Test(part, slots, rest)
        if known_bool(first) is True:
            return Test(at_end=at_end)
        return Test(kept=again)


def _source(value: Value) -> SourceRange | None:
    return value.node.source if value.node is not None else None


def _source_of_end(block: Block) -> SourceRange | None:
    """Where the end of a block is shown: at what it yields, or at its last node."""
    for value in block.outputs:
        if value.node is not None and value.node.block is block and value.node.source is not None:
            return value.node.source
    for node in reversed(block.nodes):
        if node.source is not None:
            return node.source
    return block.owner.source if block.owner is not None else None
