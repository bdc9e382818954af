"""The statements of a plan as Python statements."""

from __future__ import annotations

import ast
import dataclasses
from collections import deque

from ...ir.graph import Node, Value
from ...operators.runtime_helpers import exception_class
from ...source import SourceRange
from . import plan as P
from .copies import Copy, assignments
from .expressions import Expressions
from .facts import Facts
from .locals import Local
from .locations import Locations
from .logic import negation
from .names import DISCARD
from .templates import Location
from .values import constant_of, is_constant


class Statements:
    def __init__(self, facts: Facts, expressions: Expressions, locations: Locations) -> None:
        self._facts = facts
        self._expressions = expressions
        self._locations = locations
        self._work: list[tuple[list[P.Statement], list[ast.stmt], Location, bool]] = []
        self._assigned: dict[ast.stmt, Value] = {}  # what a plain assignment holds

    def write(self, statements: list[P.Statement]) -> list[ast.stmt]:
        """Python statements; nested ones wait in a list, so that deep nesting needs no recursion."""
        result: list[ast.stmt] = []
        self._work.append((statements, result, self._locations.start, False))
        while self._work:
            self._write_list(*self._work.pop())
        return result

    def _write_list(
        self, statements: list[P.Statement], into: list[ast.stmt], at: Location, is_else: bool
    ) -> None:
        is_elif = is_else and len(statements) == 1
        queue = deque(statements)
        while queue:
            statement = queue.popleft()
            match statement:
                case P.Evaluate():
                    at = self._at(statement.node.source, at)
                    self._evaluate(statement, into, at)
                case P.Assign():
                    self._assign(statement, into, self._at(statement.source, at))
                case P.Branch():
                    at = self._at(statement.source, at)
                    self._branch(statement, into, at, None if is_elif else queue)
                case P.For():
                    at = self._at(statement.source, at)
                    self._for(statement, into, at)
                case P.While():
                    at = self._at(statement.source, at)
                    self._while(statement, into, at)
                case P.With():
                    at = self._at(statement.node.source, at)
                    self._with(statement, into, at)
                case P.Break():
                    self._break(statement, into, self._at(statement.source, at))
                case P.Continue():
                    into.append(ast.Continue(**self._at(statement.source, at)))
                case P.Return():
                    self._return(statement, into, self._at(statement.source, at))
                case P.CallOutlined():
                    at = self._at(statement.source, at)
                    self._call_outlined(statement, into, at)
        if not into:
            into.append(ast.Pass(**at))

    def _at(self, source: SourceRange | None, fallback: Location) -> Location:
        return self._locations.of(source, fallback)

    def _body(self, statements: list[P.Statement], at: Location, is_else: bool = False) -> list[ast.stmt]:
        """The statements of a block, which are written later."""
        body: list[ast.stmt] = []
        self._work.append((statements, body, at, is_else))
        return body

    # -- simple statements -----------------------------------------------------------------------------------

    def _evaluate(self, statement: P.Evaluate, into: list[ast.stmt], at: Location) -> None:
        node = statement.node
        match node.kind:
            case "prim::SetAttr":
                into.append(self._set_attribute(node, at))
                return
            case "prim::RaiseException":
                into.append(self._raise(node, at))
                return
            case "prim::Enter" | "prim::Exit":
                tree: ast.expr | ast.stmt = self._unpaired(node, at)
            case _:
                tree = self._expressions.statement(node, at)
        if isinstance(tree, ast.stmt):
            into.append(tree)
            return
        assign = self._assignment(statement.targets, tree, at)
        if len(node.outputs) == 1 and isinstance(assign, ast.Assign):
            self._assigned[assign] = node.outputs[0]
        into.append(assign)

    def _assignment(self, targets: list[Local | None], tree: ast.expr, at: Location) -> ast.stmt:
        if not any(targets):
            return ast.Expr(tree, **at)
        stores: list[ast.expr] = [
            ast.Name(DISCARD if t is None else t.name, ast.Store(), **at) for t in targets
        ]
        return ast.Assign(
            [stores[0] if len(stores) == 1 else ast.Tuple(stores, ast.Store(), **at)], tree, **at
        )

    def _set_attribute(self, node: Node, at: Location) -> ast.stmt:
        owner, value = self._expressions.arguments(node.inputs, at)
        name = node.attributes["name"]
        python = getattr(node.inputs[0].type, "python_class", None)
        frozen = (
            python is not None
            and python.__setattr__ is not object.__setattr__
            and dataclasses.is_dataclass(python)
        )
        if frozen:
            setter = self._expressions.name("set_frozen", object.__setattr__, at)
            return ast.Expr(
                self._expressions.call(setter, [owner, ast.Constant(name, **at), value], at), **at
            )
        if name.isidentifier():
            return ast.Assign([ast.Attribute(owner, name, ast.Store(), **at)], value, **at)
        setter = self._expressions.name("setattr", setattr, at)
        return ast.Expr(self._expressions.call(setter, [owner, ast.Constant(name, **at), value], at), **at)

    def _raise(self, node: Node, at: Location) -> ast.stmt:
        cls = node.attributes.get("exception")
        if cls is None:
            name = node.inputs[1] if len(node.inputs) > 1 else None
            cls = exception_class(constant_of(name) if name is not None and is_constant(name) else None)
        message = [self._expressions.value(node.inputs[0], at)]
        if isinstance(message[0], ast.Constant) and message[0].value == "":
            message = []
        error = self._expressions.call(self._expressions.name(cls.__name__, cls, at), message, at)
        return ast.Raise(error, None, **at)

    def _unpaired(self, node: Node, at: Location) -> ast.expr:
        """`with` whose end is not in the same block."""
        owner = self._expressions.value(node.inputs[0], at)
        name, count = ("__enter__", 0) if node.kind == "prim::Enter" else ("__exit__", 3)
        nones: list[ast.expr] = [ast.Constant(None, **at) for _ in range(count)]
        return self._expressions.call(ast.Attribute(owner, name, ast.Load(), **at), nones, at)

    def _assign(self, statement: P.Assign, into: list[ast.stmt], at: Location) -> None:
        copies: list[Copy] = []
        values: list[Value] = []
        for target, value in zip(statement.targets, statement.values, strict=True):
            source = value.node.source if value.node is not None and not self._is_local(value) else None
            place = self._at(source, at)
            tree = self._expressions.value(value, place, statement.reading)
            if not (isinstance(tree, ast.Name) and tree.id == target.name):
                copies.append(Copy(target.name, tree, place))
                values.append(value)
        self._take_previous(copies, values, into)
        into.extend(assignments(copies))

    def _is_local(self, value: Value) -> bool:
        return not is_constant(value) and not self._expressions.is_folded(value)

    def _take_previous(self, copies: list[Copy], values: list[Value], into: list[ast.stmt]) -> None:
        """Copy what the statement before computed, without its variable, if only the copy reads that."""
        if not into or any(not c.is_simple for c in copies):
            return
        previous = into[-1]
        value = self._assigned.get(previous)
        if value is None or not isinstance(previous, ast.Assign) or len(self._facts.uses_of(value)) != 1:
            return
        for copy, copied in zip(copies, values, strict=True):
            if copied is value and values.count(value) == 1:
                into.pop()
                copy.source = previous.value
                copy.at = {name: getattr(previous, name) for name in copy.at}
                return

    def _return(self, statement: P.Return, into: list[ast.stmt], at: Location) -> None:
        values = self._expressions.arguments(statement.values, at, statement.reading)
        if len(values) == 1:
            into.append(ast.Return(values[0], **at))
        else:
            tree: ast.expr = ast.Tuple(values, ast.Load(), **at) if values else ast.Constant(None, **at)
            into.append(ast.Return(tree, **at))

    def _call_outlined(self, statement: P.CallOutlined, into: list[ast.stmt], at: Location) -> None:
        name = statement.function.name
        function = self._expressions.function(statement.function, at, f"_{name}")
        arguments = self._expressions.arguments(statement.arguments, at)
        write = self._expressions.fork if statement.is_fork else self._expressions.call
        into.append(self._assignment(statement.targets, write(function, arguments, at), at))

    # -- compound statements ---------------------------------------------------------------------------------

    def _branch(
        self, statement: P.Branch, into: list[ast.stmt], at: Location, queue: deque[P.Statement] | None
    ) -> None:
        """`queue` takes what may stand behind the `if` instead of in its `else`; None for an `elif`."""
        then, otherwise = statement.then, statement.otherwise
        test = self._test(statement.condition, at)
        if queue is not None and not self._is_empty(otherwise):
            if terminates(otherwise) and (not terminates(then) or (_nests(then) and not _nests(otherwise))):
                then, otherwise = otherwise, then
                test = negation(test, at)
            elif statement.ends_body and not terminates(then):
                if self._is_empty(then) or (_nests(otherwise) and len(otherwise) > 1 and not _nests(then)):
                    then = [*then, P.Continue(statement.source)]
        if self._is_empty(then):
            then, otherwise = otherwise, then
            test = negation(test, at)
        if self._is_empty(then):
            if not isinstance(test, ast.Name | ast.Constant):
                into.append(ast.Expr(test, **at))
            return
        branch = ast.If(test, self._body(then, at), [], **at)
        into.append(branch)
        if queue is not None and terminates(then):
            queue.extendleft(reversed(otherwise))
        elif not self._is_empty(otherwise):
            branch.orelse = self._body(otherwise, at, is_else=True)

    def _is_empty(self, statements: list[P.Statement]) -> bool:
        return all(isinstance(s, P.Assign) and not self._copies_anything(s) for s in statements)

    def _copies_anything(self, statement: P.Assign) -> bool:
        at = self._locations.start
        for target, value in zip(statement.targets, statement.values, strict=True):
            if not self._is_local(value):
                return True
            tree = self._expressions.value(value, at)
            if not isinstance(tree, ast.Name) or tree.id != target.name:
                return True
        return False

    def _test(self, condition: P.Condition, at: Location) -> ast.expr:
        test = self._expressions.test(condition.value, at, condition.reading)
        return negation(test, at) if condition.negated else test

    def _for(self, statement: P.For, into: list[ast.stmt], at: Location) -> None:
        trips = self._expressions.value(statement.trips, at)
        if not statement.is_iterable:
            trips = self._expressions.call(self._expressions.name("range", range, at), [trips], at)
        index = DISCARD if statement.index is None else statement.index.name
        into.append(
            ast.For(ast.Name(index, ast.Store(), **at), trips, self._body(statement.body, at), [], **at)
        )

    def _while(self, statement: P.While, into: list[ast.stmt], at: Location) -> None:
        match statement.condition:
            case None:
                test: ast.expr = ast.Constant(True, **at)
            case Local():
                test = ast.Name(statement.condition.name, ast.Load(), **at)
            case _:
                test = self._test(statement.condition, at)
        into.append(ast.While(test, self._body(statement.body, at), [], **at))

    def _with(self, statement: P.With, into: list[ast.stmt], at: Location) -> None:
        manager = self._expressions.value(statement.node.inputs[0], at)
        target = None if statement.target is None else ast.Name(statement.target.name, ast.Store(), **at)
        into.append(ast.With([ast.withitem(manager, target)], self._body(statement.body, at), **at))

    def _break(self, statement: P.Break, into: list[ast.stmt], at: Location) -> None:
        leave = ast.Break(**at)
        if statement.unless is None:
            into.append(leave)
        else:
            into.append(ast.If(negation(self._test(statement.unless, at), at), [leave], [], **at))


def _nests(statements: list[P.Statement]) -> bool:
    return bool(statements) and isinstance(statements[-1], P.Branch)


def terminates(statements: list[P.Statement]) -> bool:
    """Whether the end of a list of statements is never reached. Without recursion: branches nest deep."""
    found = _ending(statements)
    stack = [found] if isinstance(found, P.Branch) else []
    while stack:
        branch = stack[-1]
        for side in (branch.then, branch.otherwise):
            ending = _ending(side)
            if isinstance(ending, P.Branch):
                stack.append(ending)
                break
            if not ending:
                branch.terminates = False
                stack.pop()
                break
        else:
            branch.terminates = True
            stack.pop()
    return bool(found.terminates) if isinstance(found, P.Branch) else found


def _ending(statements: list[P.Statement]) -> bool | P.Branch:
    """Whether a list of statements terminates, or the branch on which that depends."""
    last = statements[-1] if statements else None
    match last:
        case P.Branch():
            return last if last.terminates is None else last.terminates
        case P.Return() | P.Continue():
            return True
        case P.Break():
            return last.unless is None
        case P.Evaluate():
            return last.node.kind == "prim::RaiseException"
        case _:
            return False
