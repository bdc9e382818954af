"""Statements of archived code → nodes, blocks and variables.

The code is printed from SSA, but its loops and branches assign variables again; a branch's assignments become
outputs of the `prim::If`, a loop's the values that it carries.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from ... import types as T
from ...ir.graph import Graph, Value
from ...schema import Schema
from .builder import Scope, assigned_names
from .classes import add_attribute
from .expressions import Expressions

FOREVER = (1 << 63) - 1
"""The number of trips of a loop that only its condition ends."""

_AUGMENTED: dict[type[ast.operator], str] = {
    ast.Add: "aten::add_",
    ast.Sub: "aten::sub_",
    ast.Mult: "aten::mul_",
    ast.Div: "aten::div_",
}


class FunctionBuilder(Expressions):
    """Builds the graph of one function."""

    def build(self, tree: ast.FunctionDef, schema: Schema) -> Graph:
        self.return_type = schema.return_type
        for argument in schema.arguments:
            value = self.block.add_parameter(argument.type, argument.name)
            self.scope.values[argument.name] = value
        self.block.add_output(self._body(tree))
        return self.graph

    def _body(self, tree: ast.FunctionDef) -> Value:
        """The statements of a function, and the value of the `return` at their end."""
        *statements, last = tree.body
        self.statements(statements)
        self.here = self.span(last)
        if isinstance(last, ast.Return):
            if last.value is None:
                return self.none()
            return self.converted(self.value(last.value, self.return_type), self.return_type, last)
        self.statements([last])
        if self.return_type in (T.NONE, T.ANY) or isinstance(self.return_type, T.OptionalType):
            return self.none()
        if self.block.nodes and self.block.nodes[-1].kind == "prim::RaiseException":
            return self.emit("prim::Uninitialized", (), (self.return_type,)).output
        raise self.error("the function does not end with a return", last)

    def closure_result(self, closure: ast.FunctionDef) -> Value:
        """The body of a function inside a function, in the current block, over the variables around it."""
        outer = self.scope, self.return_type
        self.scope, self.return_type = Scope(self.scope), T.ANY
        if closure.returns is not None:
            self.return_type = self.annotation(closure.returns)
        result = self._body(closure)
        self.scope, self.return_type = outer
        return result

    def statements(self, statements: Sequence[ast.stmt]) -> None:
        self.left -= len(statements)
        if self.left < 0:
            raise self.error("the function stands for far more code than it is")
        for statement in statements:
            handler = _STATEMENTS.get(type(statement))
            if handler is None:
                shown = ast.unparse(statement).partition("\n")[0]
                raise self.error(f"'{shown}' is not in the language of archives", statement)
            self.here = self.span(statement)
            handler(self, statement)

    # -- assignments -----------------------------------------------------------------------------------------

    def _assign(self, statement: ast.Assign) -> None:
        if len(statement.targets) != 1:
            raise self.error("an assignment has one target", statement)
        (target,) = statement.targets
        value = statement.value
        if isinstance(target, ast.Name):
            declared = None
            if (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Name)
                and value.func.id == "annotate"
            ):
                if self.scope.get("annotate") is None and len(value.args) == 2:
                    declared = self.annotation(value.args[0])
            self.assign(target.id, self.value(value), declared)
        elif isinstance(target, ast.Tuple):
            self._assign_several(target, value, statement)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value, statement)
        elif isinstance(target, ast.Subscript):
            owner, index = self.value(target.value), self.value(target.slice)
            self.operator_results("aten::_set_item", [owner, index, self.value(value)], {}, statement)
        else:
            raise self.error("this cannot be assigned to", statement)

    def _assign_several(self, target: ast.Tuple, value: ast.expr, statement: ast.Assign) -> None:
        names = [element.id for element in target.elts if isinstance(element, ast.Name)]
        count = len(target.elts)
        if len(names) != count:
            raise self.error("this cannot be assigned to", statement)
        values: Sequence[Value]
        if isinstance(value, ast.Tuple):
            values = [self.value(element) for element in value.elts]
        else:
            values = self.call_results(value) if isinstance(value, ast.Call) else [self.value(value)]
            if len(values) == 1:
                whole = values[0] if self.importer.typed else self.not_none(values[0])
                values = [whole]
                if isinstance(whole.type, T.TupleType) and len(whole.type.elements) == count:
                    values = self.emit("prim::TupleUnpack", (whole,), whole.type.elements).outputs
                elif isinstance(whole.type, T.ListType):
                    values = self.emit("prim::ListUnpack", (whole,), (whole.type.element,) * count).outputs
                elif not self.importer.typed and whole.type == T.NONE:
                    values = [whole] * count  # after code that raises, as None cannot be there
        if len(values) != count:
            raise self.error(f"{len(values)} values are assigned to {count} variables", statement)
        for name, element in zip(names, values):
            self.assign(name, element)

    def _assign_attribute(self, target: ast.Attribute, value: ast.expr, statement: ast.stmt) -> None:
        self._set_attribute(self.value(target.value), target.attr, value, statement)

    def _set_attribute(self, owner: Value, name: str, value: ast.expr, statement: ast.stmt) -> None:
        cls = owner.type
        attribute = cls.attributes.get(name) if isinstance(cls, T.ClassType) else None
        if attribute is None and isinstance(cls, T.ClassType) and cls is self.importer.open_class:
            return self._declare(owner, cls, name, value)
        if attribute is None:
            raise self.error(f"'{cls}' has no attribute '{name}'", statement)
        new = self.converted(self.value(value, attribute.type), attribute.type, statement)
        self.emit("prim::SetAttr", (owner, new), (), {"name": name})

    def _declare(self, owner: Value, cls: T.ClassType, name: str, value: ast.expr) -> None:
        """An attribute by what `__init__` assigns to it first, in archives that declare none."""
        new = self.value(value)
        type = new.type
        match value:
            case ast.Call(func=ast.Name(id="annotate"), args=[annotation, _]):
                type = self.annotation(annotation)
        add_attribute(cls, name, type)
        self.emit("prim::SetAttr", (owner, new), (), {"name": name})

    def _annotated(self, statement: ast.AnnAssign) -> None:
        if not isinstance(statement.target, ast.Name) or statement.value is None:
            raise self.error("this is no assignment", statement)
        declared = self.annotation(statement.annotation)
        value = self.converted(self.value(statement.value, declared), declared, statement)
        self.assign(statement.target.id, value, declared)

    def _augmented(self, statement: ast.AugAssign) -> None:
        """`x += y`, which versions before 1.2 print; in place for tensors."""
        if not isinstance(statement.target, ast.Name):
            raise self.error("this cannot be assigned to", statement)
        left = self.scope.get(statement.target.id)
        if left is None:
            raise self.error(f"'{statement.target.id}' is not defined", statement)
        name = _AUGMENTED.get(type(statement.op))
        if name is None:
            raise self.error("this is not in the language of archives", statement)
        right = self.value(statement.value)
        in_place = isinstance(left.type, T.TensorType | T.ListType)
        result = self.operator(name if in_place else name.rstrip("_"), [left, right], {}, statement)
        self.assign(statement.target.id, result)

    def _expression(self, statement: ast.Expr) -> None:
        if isinstance(statement.value, ast.Call):
            call = statement.value
            if isinstance(call.func, ast.Name) and call.func.id == "setattr" and len(call.args) == 3:
                name = call.args[1]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    return self._set_attribute(self.value(call.args[0]), name.value, call.args[2], statement)
            self.call_results(call)
        elif not isinstance(statement.value, ast.Constant):
            self.value(statement.value)
        return None

    def _pass(self, statement: ast.Pass) -> None:
        pass

    def _closure(self, statement: ast.FunctionDef) -> None:
        if statement.args.args or statement.decorator_list:
            raise self.error("a closure takes no arguments", statement)
        self.closures[statement.name] = statement

    # -- branches --------------------------------------------------------------------------------------------

    def _if(self, statement: ast.If) -> None:
        condition = self.condition(statement.test)
        node = self.emit("prim::If", (condition,))
        outer_block, outer_scope = self.block, self.scope
        scopes: list[Scope] = []
        for branch in (statement.body, statement.orelse):
            self.block = node.add_block()
            self.scope = Scope(outer_scope)
            self.statements(branch)
            scopes.append(self.scope)
        self.block, self.scope = outer_block, outer_scope
        self.here = self.span(statement)
        then, otherwise = scopes
        raises = [bool(b.nodes) and b.nodes[-1].kind == "prim::RaiseException" for b in node.blocks]
        for name in dict.fromkeys((*then.values, *otherwise.values)):
            ends = [scope.get(name) for scope in scopes]
            for i, block in enumerate(node.blocks):
                if ends[i] is None and raises[i]:
                    other = ends[1 - i]
                    assert other is not None
                    ends[i] = block.add("prim::Uninitialized", (), (other.type,), None, self.here).output
            left, right = ends
            if left is None or right is None:
                continue  # of use in one branch only
            declared = [t for t in (scope.declared_type(name) for scope in scopes) if t is not None]
            type = self._joined([left.type, right.type], declared)
            node.blocks[0].add_output(left)
            node.blocks[1].add_output(right)
            self.assign(name, node.add_output(type), type if declared else None)

    def _joined(self, types: list[T.Type], declared: list[T.Type]) -> T.Type:
        """The type of a variable after a branch or loop."""
        joined = types[0]
        for type in (*types[1:], *declared):
            joined = _join(joined, type)
        return T.TENSOR if isinstance(joined, T.TensorType) else joined

    # -- loops -----------------------------------------------------------------------------------------------

    def _while(self, statement: ast.While) -> None:
        if statement.orelse:
            raise self.error("'else' of a loop is not in the language of archives", statement)
        trips = self.constant(FOREVER, T.INT)
        first = self.condition(statement.test)
        self._loop(statement, statement.body, trips, first, None, lambda: self.condition(statement.test))

    def _for(self, statement: ast.For) -> None:
        match statement:
            case ast.For(
                target=ast.Name(id=counter),
                iter=ast.Call(func=ast.Name(id="range"), args=[_, *_] as bounds, keywords=[]),
                orelse=[],
            ) if len(bounds) <= 3:
                limits = [self.converted(self.value(bound), T.INT, statement) for bound in bounds]
            case _:
                raise self.error("a loop counts over range(n), in archives", statement)
        count, element = limits[0], None
        if len(limits) > 1:
            low, high = limits[:2]
            step = limits[2] if len(limits) > 2 else self.constant(1, T.INT)
            count = self.operator("aten::__range_length", [low, high, step], {}, statement)
            element = lambda index: self.operator("aten::__derive_index", [index, low, step], {}, statement)
        body = statement.body
        always = self.constant(True, T.BOOL)
        again: Callable[[], Value] = lambda: self.constant(True, T.BOOL)
        match body[-1]:
            case ast.If(test=test, body=[ast.Pass()], orelse=[ast.Break()]):
                body, again = body[:-1], lambda: self.condition(test)
        self._loop(statement, body, count, always, counter, again, element)

    def _loop(
        self,
        statement: ast.stmt,
        body: Sequence[ast.stmt],
        trips: Value,
        first: Value,
        counter: str | None,
        again: Callable[[], Value],
        element: Callable[[Value], Value] | None = None,
    ) -> None:
        """A `prim::Loop`. `element` makes the loop's variable of its counter.

        If the body widens a variable (None, then an int), it is built again, wider. Loops inside begin with what
        they have been widened to before: otherwise each level would double the number of builds.
        """
        outer_block, outer_scope = self.block, self.scope
        known = self.carried.get(id(statement), {})
        carried: dict[str, T.Type] = {}
        starts: list[Value] = []
        for name in dict.fromkeys(assigned_names(body)):
            start = outer_scope.get(name)
            if start is None or name == counter:
                continue
            declared = outer_scope.declared_type(name)
            starts.append(start)
            wider = [type for type in (declared, known.get(name)) if type is not None]
            carried[name] = self._joined([start.type], wider)
        node = self.emit("prim::Loop", (trips, first, *starts))
        self.loops += 1
        while True:
            block = self.block = node.add_block()
            self.scope = Scope(outer_scope)
            self.here = self.span(statement)
            index = block.add_parameter(T.INT)
            if counter is not None:
                self.assign(counter, index if element is None else element(index))
            for name, type in carried.items():
                self.scope.values[name] = block.add_parameter(type, name)
            self.statements(body)
            self.here = self.span(statement)
            block.add_output(again())
            widened = dict(carried)
            for name, type in carried.items():
                end = self.scope.values[name]
                block.add_output(end)
                if not end.type.is_subtype_of(type):
                    widened[name] = self._joined([type, end.type], [])
            if widened == carried:
                break
            carried = widened
            block.clear()
            node.blocks.clear()
        self.block, self.scope = outer_block, outer_scope
        self.loops -= 1
        self.carried[id(statement)] = carried
        if not self.loops:
            self.carried.clear()
        for name, type in carried.items():
            output = node.add_output(type)
            self.assign(name, output)

    # -- with ------------------------------------------------------------------------------------------------

    def _with(self, statement: ast.With) -> None:
        entered: list[Value] = []
        for item in statement.items:
            manager = self.value(item.context_expr)
            result = self.emit(
                "prim::Enter", (manager,), (self._result_of(manager, "__enter__", statement),)
            ).output
            if isinstance(item.optional_vars, ast.Name):
                self.assign(item.optional_vars.id, result)
            elif item.optional_vars is not None:
                raise self.error("this cannot be assigned to", statement)
            entered.append(manager)
        self.statements(statement.body)
        self.here = self.span(statement)
        for manager in reversed(entered):
            self.emit("prim::Exit", (manager,), (self._result_of(manager, "__exit__", statement),))

    def _result_of(self, manager: Value, name: str, statement: ast.stmt) -> T.Type:
        method = manager.type.method(name) if isinstance(manager.type, T.ClassType) else None
        if method is None:
            raise self.error(
                f"a value of type {manager.type} cannot stand in 'with': it has no {name}", statement
            )
        return method.schema.return_type


def _join(left: T.Type, right: T.Type) -> T.Type:
    """The type of a value that is a `left` or a `right`.

    PyTorch's printer can leave out that it was declared wider (`Tuple[int, Any]`, printed as a tuple of an
    int and a str in one branch, of two ints in the other): then it is a union, which fits where it is used.
    """
    unified = T.unify(left, right)
    if unified is not None:
        return unified
    if type(left) is T.TupleType and type(right) is T.TupleType and len(left.elements) == len(right.elements):
        return T.TupleType(tuple(_join(a, b) for a, b in zip(left.elements, right.elements)))
    return T.union(left, right)


_STATEMENTS: dict[type[ast.stmt], Callable[[FunctionBuilder, Any], None]] = {
    ast.Assign: FunctionBuilder._assign,
    ast.AnnAssign: FunctionBuilder._annotated,
    ast.AugAssign: FunctionBuilder._augmented,
    ast.Expr: FunctionBuilder._expression,
    ast.Pass: FunctionBuilder._pass,
    ast.FunctionDef: FunctionBuilder._closure,
    ast.If: FunctionBuilder._if,
    ast.While: FunctionBuilder._while,
    ast.For: FunctionBuilder._for,
    ast.With: FunctionBuilder._with,
}
