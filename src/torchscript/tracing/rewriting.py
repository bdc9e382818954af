"""User functions, for the time of a trace, with code that keeps track of numbers.

    int(h * 0.5)       →    <function>(int)(h * 0.5)
    self.scale * n     →    <*>(self.scale, n)
    names[n]           →    <[]>(names, n)

Python asks an int that was extended for nothing in these places: `int` returns a plain number, `float.__mul__` takes any
int as it is, and so does a list. So the functions that a traced function can reach by name get other code, made of
their source by a change of the syntax tree. Positions stay those of the file. A function whose source does not lead
to the very code it has (the file changed since, or someone else rewrote it) is left as it is.

Code is shared by threads; what is called in it asks whose thread it is.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import operator
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..errors import Error
from ..frontend.sources import function_source
from . import state
from .number_functions import stand_in_for
from .sizes import TracedFloat, TracedInt, TracedNumber

# --- What rewritten code calls --------------------------------------------------------------------------


def _function(function: Any) -> Any:
    return stand_in_for(function) or function


def _binary(symbol: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    reflected = f"__r{function.__name__.strip('_').removeprefix('i')}__"

    def operate(left: Any, right: Any) -> Any:
        cls = type(right)
        if cls is TracedInt or cls is TracedFloat:
            if isinstance(left, float) and type(left) is not TracedFloat:
                return getattr(right, reflected)(float(left))
            _is_lost(symbol, right, left)
        elif type(left) is TracedInt or type(left) is TracedFloat:
            _is_lost(symbol, left, right)
        return function(left, right)

    operate.__name__ = operate.__qualname__ = symbol
    return operate


def _is_lost(symbol: str, number: TracedNumber, other: Any) -> None:
    """Warn where arithmetic of a traced number with `other` leads to a value that nobody follows."""
    recorder = state.current()
    if recorder is None or recorder is not number._ts_recorder:
        return
    if symbol.startswith("%") and isinstance(other, str):
        recorder.number_told(number)
    elif symbol.startswith("*") and isinstance(other, list | tuple | str | bytes):
        recorder.number_used("is the length of a Python sequence", number)
    elif isinstance(other, complex):
        recorder.number_used("becomes a complex number", number)


def _formatted(text: Any, values: Any) -> Any:
    """`"%d rows" % n`."""
    recorder = state.current()
    for value in values if isinstance(values, tuple) else (values,):
        if isinstance(value, TracedNumber) and recorder is not None and recorder is value._ts_recorder:
            recorder.number_told(value)
    return text % values


def _comparison(
    function: Callable[[Any, Any], Any], mirrored: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    def compare(left: Any, right: Any) -> Any:
        if type(right) is TracedInt and isinstance(left, float):
            return mirrored(right, left)
        return function(left, right)

    return compare


def _item(container: Any, index: Any) -> Any:
    if isinstance(index, TracedNumber) and isinstance(container, list | tuple | str | range):
        recorder = state.current()
        if recorder is not None and recorder is index._ts_recorder:
            recorder.number_used("is the index of a Python sequence", index)
    return container[index]


def _slice(container: Any, start: Any, stop: Any, step: Any) -> Any:
    if isinstance(container, list | tuple | str | range):
        recorder = state.current()
        for bound in (start, stop, step):
            if isinstance(bound, TracedNumber) and recorder is not None and recorder is bound._ts_recorder:
                recorder.number_used("is the bound of a slice of a Python sequence", bound)
    return container[start:stop:step]


_BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add, operator.iadd),
    ast.Sub: ("-", operator.sub, operator.isub),
    ast.Mult: ("*", operator.mul, operator.imul),
    ast.Div: ("/", operator.truediv, operator.itruediv),
    ast.FloorDiv: ("//", operator.floordiv, operator.ifloordiv),
    ast.Mod: ("%", operator.mod, operator.imod),
    ast.Pow: ("**", operator.pow, operator.ipow),
}
_COMPARED: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt, operator.gt),
    ast.LtE: ("<=", operator.le, operator.ge),
    ast.Gt: (">", operator.gt, operator.lt),
    ast.GtE: (">=", operator.ge, operator.le),
    ast.Eq: ("==", operator.eq, operator.eq),
    ast.NotEq: ("!=", operator.ne, operator.ne),
}
_HELPERS: dict[str, Any] = {
    "<function>": _function,
    "<[]>": _item,
    "<[:]>": _slice,
    "<% text>": _formatted,
    **{f"<{symbol}>": _binary(symbol, plain) for symbol, plain, _ in _BINARY.values()},
    **{f"<{symbol}=>": _binary(symbol, in_place) for symbol, _, in_place in _BINARY.values()},
    **{f"<{symbol} float>": _comparison(plain, mirrored) for symbol, plain, mirrored in _COMPARED.values()},
}
"""By the names that rewritten code has for them; no program can have such names."""

# --- The change of the syntax tree ----------------------------------------------------------------------

_UNKNOWN = object()
_CALL_WHAT_THEY_ARE_GIVEN = (map, functools.reduce, filter)


class _Rewriter(ast.NodeTransformer):
    """Changes one function. `lookup` finds what a free name stands for."""

    def __init__(self, tree: ast.AST, lookup: Callable[[str], Any]) -> None:
        nodes = list(ast.walk(tree))
        self.imported = dict(_imports(nodes))
        self.own = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self.own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        self.lookup = lookup
        self.changed = False

    def _call(self, name: str, arguments: list[ast.expr], place: ast.expr | ast.stmt) -> ast.Call:
        self.changed = True
        function = ast.Name(name, ast.Load())
        return ast.copy_location(ast.Call(ast.copy_location(function, place), arguments, []), place)

    def _meaning(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            if node.id in self.own:
                return _UNKNOWN
            return self.imported[node.id] if node.id in self.imported else self.lookup(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._meaning(node.value)
            return vars(owner).get(node.attr, _UNKNOWN) if isinstance(owner, ModuleType) else _UNKNOWN
        return _UNKNOWN

    def _substituted(self, node: ast.expr) -> ast.expr:
        meaning = self._meaning(node)
        if meaning is _UNKNOWN or stand_in_for(meaning) is None:
            return node
        return self._call("<function>", [node], node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        meaning = self._meaning(node.func)
        self.generic_visit(node)
        node.func = self._substituted(node.func)
        if node.args and any(meaning is function for function in _CALL_WHAT_THEY_ARE_GIVEN):
            node.args[0] = self._substituted(node.args[0])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod) and _is_text(node.left):
            return self._call("<% text>", [node.left, node.right], node)
        found = _BINARY.get(type(node.op))
        if found is None or not _may_lose(node.left, node.right):
            return node
        return self._call(f"<{found[0]}>", [node.left, node.right], node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        found = _COMPARED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if found is None or not _may_lose(node.left, node.comparators[0]):
            return node
        return self._call(f"<{found[0]} float>", [node.left, node.comparators[0]], node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        found = _BINARY.get(type(node.op))
        if found is None or not isinstance(node.target, ast.Name) or not _may_lose(node.target, node.value):
            return node
        before = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        value = self._call(f"<{found[0]}=>", [before, node.value], node)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        index = node.slice
        if isinstance(index, ast.Slice):
            bounds = [index.lower, index.upper, index.step]
            if all(bound is None or _is_constant(bound) for bound in bounds):
                return node
            none = [bound or ast.copy_location(ast.Constant(None), node) for bound in bounds]
            return self._call("<[:]>", [node.value, *none], node)
        if isinstance(index, ast.Tuple | ast.Starred) or _is_constant(index):
            return node
        return self._call("<[]>", [node.value, index], node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        arguments = node.args
        arguments.defaults = [self.visit(default) for default in arguments.defaults]
        arguments.kw_defaults = [default and self.visit(default) for default in arguments.kw_defaults]
        node.body = [self.visit(statement) for statement in node.body]
        return node


def _imports(nodes: list[ast.AST]) -> Iterator[tuple[str, Any]]:
    """What the import statements of a function bring, as far as it is loaded."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or module, sys.modules.get(module, _UNKNOWN)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for alias in names:
                    members = vars(sys.modules[module]) if module in sys.modules else {}
                    yield alias.asname or alias.name, members.get(alias.name, _UNKNOWN)


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _may_lose(left: ast.expr, right: ast.expr) -> bool:
    """Whether a traced number could be lost between these operands of arithmetic."""
    if isinstance(left, ast.List | ast.Tuple):
        return True
    if isinstance(left, ast.JoinedStr) or _is_text(left):
        return False
    if _is_constant(right):
        return isinstance(right, ast.Constant) and isinstance(right.value, complex)
    return not (isinstance(left, ast.Constant) and isinstance(left.value, int))


# --- From a function to its other code ------------------------------------------------------------------

_codes: weakref.WeakKeyDictionary[FunctionType, tuple[CodeType, CodeType | None]] = (
    weakref.WeakKeyDictionary()
)
_originals: dict[int, tuple[CodeType, CodeType]] = {}


def original_code(code: CodeType) -> CodeType:
    """The code that a function had before it was rewritten; any other code as it is."""
    known = _originals.get(id(code))
    return known[1] if known is not None else code


def _other_code(function: FunctionType) -> CodeType | None:
    """The code that keeps track of numbers; None where nothing is to be changed, or can be."""
    known = _codes.get(function)
    if known is None or known[0] is not function.__code__:
        known = _codes[function] = function.__code__, _rewrite(function)
    return known[1]


def _rewrite(function: FunctionType) -> CodeType | None:
    code = function.__code__
    try:
        tree = function_source(function).tree
        rewriter = _Rewriter(tree, functools.partial(_lookup, function))
        # A copy, for the tree belongs to the frontend as well.
        changed = rewriter.visit(_copy(tree))
        if not rewriter.changed or not _same(_compiled(tree, code), code):
            return None
        made = _compiled(changed, code)
    except (Error, SyntaxError, ValueError, RecursionError, LookupError):
        return None
    return _in_the_name_of(made, code)


def _copy(tree: ast.AST) -> ast.AST:
    if isinstance(tree, ast.AST):
        fields = {name: _copied(getattr(tree, name)) for name in tree._fields if hasattr(tree, name)}
        made = type(tree)(**fields)
        return ast.copy_location(made, tree)
    return tree


def _copied(field: Any) -> Any:
    if isinstance(field, list):
        return [_copied(part) for part in field]
    return _copy(field) if isinstance(field, ast.AST) else field


def _lookup(function: FunctionType, name: str) -> Any:
    free = function.__code__.co_freevars
    if name in free and function.__closure__ is not None:
        try:
            return function.__closure__[free.index(name)].cell_contents
        except ValueError:
            return _UNKNOWN
    return function.__globals__.get(name, vars(builtins).get(name, _UNKNOWN))


_FUTURE = 0x1FF0000  # the flags of `from __future__ import …`


def _compiled(tree: ast.AST, code: CodeType) -> CodeType:
    """The code object of a function's syntax tree, with the free variables of `code`."""
    body: ast.stmt
    if isinstance(tree, ast.Lambda):
        body = ast.copy_location(ast.Expr(tree), tree)
    else:
        assert isinstance(tree, ast.stmt)
        body = tree
    if code.co_freevars:
        arguments = ast.arguments([], [ast.arg(name) for name in code.co_freevars], None, [], [], None, [])
        outer = ast.FunctionDef("outer", arguments, [body], [], lineno=body.lineno, col_offset=0)
        for name in ("type_params",):  # Python 3.12
            if name in ast.FunctionDef._fields:
                setattr(outer, name, [])
        body = outer
    module = ast.fix_missing_locations(ast.Module([body], []))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = compile(module, code.co_filename, "exec", code.co_flags & _FUTURE, True)
    if code.co_freevars:
        whole = next(c for c in whole.co_consts if isinstance(c, CodeType) and c.co_name == "outer")
    found = [c for c in whole.co_consts if isinstance(c, CodeType) and c.co_name == code.co_name]
    if not found:
        raise LookupError(code.co_name)
    return found[-1]


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same. (A method of what the file imports is loaded in a way of its own.)"""
    if _instructions(one) != _instructions(other) or len(one.co_consts) != len(other.co_consts):
        return False
    for a, b in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(a, CodeType) and isinstance(b, CodeType):
            if not _same(a, b):
                return False
        elif type(a) is not type(b) or a != b:
            return False
    return True


def _instructions(code: CodeType) -> list[tuple[str, str]]:
    found = []
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in ("PUSH_NULL", "EXTENDED_ARG", "NOP"):
            continue
        says = "" if instruction.opcode in _JUMPS or name == "LOAD_CONST" else instruction.argrepr
        if name in ("LOAD_METHOD", "CALL_METHOD"):
            name = {"LOAD_METHOD": "LOAD_ATTR", "CALL_METHOD": "CALL_FUNCTION"}[name]
        found.append((name, says.removeprefix("NULL|self + ").replace("NULL + ", "").replace(" + NULL", "")))
    return found


_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def _in_the_name_of(made: CodeType, code: CodeType) -> CodeType:
    """The new code with what else the old one says, inner functions included."""
    inner = iter([c for c in code.co_consts if isinstance(c, CodeType)])
    constants = tuple(
        _in_the_name_of(constant, next(inner)) if isinstance(constant, CodeType) else constant
        for constant in made.co_consts
    )
    says: dict[str, Any] = {"co_flags": code.co_flags, "co_consts": constants}
    if hasattr(code, "co_qualname"):  # Python 3.11
        says["co_qualname"] = code.co_qualname
    made = made.replace(**says)
    _originals[id(made)] = made, code
    return made


# --- Putting it in place --------------------------------------------------------------------------------

_lock = threading.RLock()
_in_place: dict[FunctionType, tuple[CodeType, int]] = {}


@contextmanager
def rewritten(reached: Iterable[FunctionType]) -> Iterator[None]:
    """Have the code that keeps track of numbers in the functions that a traced one reaches."""
    changed = []
    with _lock:
        vars(builtins).update(_HELPERS)
        for function in reached:
            held = _in_place.get(function)
            if held is not None:
                _in_place[function] = held[0], held[1] + 1
            else:
                original = function.__code__
                other = _other_code(function)
                if other is None:
                    continue
                _in_place[function] = original, 1
                function.__code__ = other
            changed.append(function)
    try:
        yield
    finally:
        with _lock:
            for function in changed:
                original, times = _in_place.pop(function)
                if times > 1:
                    _in_place[function] = original, times - 1
                else:
                    function.__code__ = original
