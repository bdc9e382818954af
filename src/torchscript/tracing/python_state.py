"""Values of Python that a run changes, and no call of the trace will: counters, lists, caches.

    self.calls += 1          a number in an attribute of a module
    history.append(x)        a list, dict or set in a global, a closure or an attribute

They are looked at before the run and after it. What changed is warned of at the line that changes it, as far as
the syntax of the code that ran tells which one that is.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from .diagnostics import Diagnostics
from .sizes import plain

_MANY = 10_000  # elements beyond which a container is known by its length only
_PLAIN = (bool, int, float, complex, str, bytes)
_CONTAINERS = (list, dict, set)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value is: in the globals or closure of a function, or in an attribute of a module."""

    description: str
    name: str
    code: CodeType | None
    read: Callable[[], Any]


class PythonState:
    """The values of Python that a function, or a module and those inside it, could change."""

    def __init__(self, reached: Iterable[FunctionType], root: nn.Module | None) -> None:
        self._before = [(place, _copy(place.read())) for place in _places(reached, root)]

    def warn_of_changes(self, diagnostics: Diagnostics) -> None:
        """Warn of every value that is another now."""
        for place, before, now in self._changed():
            filename, line = _line_of(place)
            diagnostics.changed(place.description, before, _copy(now), filename, line)

    def caches(self) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
        """The dicts that the run changed, and what each held before."""
        changed = ((now, before) for _, before, now in self._changed())
        return [(now, before) for now, before in changed if type(now) is dict and type(before) is dict]

    def _changed(self) -> Iterator[tuple[_Place, Any, Any]]:
        """The places that hold something else now, with a copy of what they held, and what they hold."""
        for place, before in self._before:
            try:
                now = place.read()
            except (AttributeError, KeyError, ValueError):
                continue
            if not _same(before, _copy(now)):
                yield place, before, now


@contextmanager
def as_before(caches: Sequence[tuple[dict[Any, Any], dict[Any, Any]]]) -> Iterator[None]:
    """Have dicts hold what they held before a recording: what it left in them would be found by another one.

    `caches` are in the order in which they were changed; a dict that several methods changed is there for each.
    """
    held = [(cache, dict(cache)) for cache, _ in caches]
    for cache, before in reversed(caches):
        _refill(cache, before)
    try:
        yield
    finally:
        for cache, now in held:
            _refill(cache, now)


def _refill(cache: dict[Any, Any], content: dict[Any, Any]) -> None:
    cache.clear()
    cache.update(content)


def _places(reached: Iterable[FunctionType], root: nn.Module | None) -> Iterator[_Place]:
    functions = {function.__code__: function for function in reached}
    if root is not None:
        for path, module in nn.Module.named_modules(root):
            cls = type(module)
            if cls.__module__.partition(".")[0] == "torch":
                continue
            for name, value in module.__dict__.items():
                if _is_watched(value) and not name.startswith("_ts_") and name not in _OF_MODULES:
                    owner = f"{path}.{name}" if path else name
                    yield _attribute_place(module, name, owner, functions)
    seen: set[tuple[int, str]] = set()
    for code, function in functions.items():
        names = set(code.co_names) & function.__globals__.keys()
        for name in sorted(names):
            key = id(function.__globals__), name
            if key not in seen and _is_watched(function.__globals__[name]):
                seen.add(key)
                yield _global_place(function, name)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            try:
                inside = cell.cell_contents
            except ValueError:
                continue
            if _is_watched(inside):
                yield _Place(f"The variable '{name}' of an enclosing function", name, code, _reader_of(cell))


def _attribute_place(
    module: nn.Module, name: str, owner: str, functions: dict[CodeType, FunctionType]
) -> _Place:
    forward = getattr(type(module), "forward", None)
    code = getattr(inspect.unwrap(forward), "__code__", None) if callable(forward) else None
    return _Place(f"The attribute '{owner}'", name, code, lambda: module.__dict__[name])


def _global_place(function: FunctionType, name: str) -> _Place:
    return _Place(f"The global '{name}'", name, function.__code__, lambda: function.__globals__[name])


def _reader_of(cell: Any) -> Callable[[], Any]:
    return lambda: cell.cell_contents


_OF_MODULES = frozenset(vars(nn.Module()))


def _is_watched(value: Any) -> bool:
    return (isinstance(value, _CONTAINERS) and type(value) in (list, dict, set)) or isinstance(value, _PLAIN)


def _copy(value: Any) -> Any:
    if isinstance(value, _CONTAINERS):
        return value.copy() if len(value) <= _MANY else len(value)
    return value


def _same(one: Any, other: Any) -> bool:
    """Whether two shallow copies hold the same: numbers by value, all else by identity."""
    if isinstance(one, _PLAIN) or isinstance(other, _PLAIN):
        one, other = plain(one), plain(other)
        return type(one) is type(other) and (one == other or one != one)
    if type(one) is not type(other) or len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(key in other and _same_item(value, other[key]) for key, value in one.items())
    if isinstance(one, set):
        return bool(one == other)
    return all(_same_item(a, b) for a, b in zip(one, other, strict=True))


def _same_item(one: Any, other: Any) -> bool:
    if not isinstance(one, _PLAIN):
        return one is other
    one, other = plain(one), plain(other)
    return type(one) is type(other) and one == other


# --- The line -------------------------------------------------------------------------------------------

_CHANGING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse",
     "setdefault", "sort", "update"}
)  # fmt: skip


def _line_of(place: _Place) -> tuple[str, int]:
    if place.code is None:
        return "<unknown>", 0
    filename, first = place.code.co_filename, place.code.co_firstlineno
    lines = _changes(filename)
    own = [line for line, name in lines if name == place.name]
    within = [line for line in own if line >= first]
    return filename, (within or own or [first])[0]


@lru_cache(maxsize=64)
def _changes(filename: str) -> tuple[tuple[int, str], ...]:
    """The lines of a file that change something in place, and the last name of what they change."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        for target in _targets(node):
            inner = target
            while isinstance(inner, ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Attribute):
                found.append((target.lineno, inner.attr))
            elif isinstance(inner, ast.Name) and target.col_offset > 0:  # in a function
                found.append((target.lineno, inner.id))
    return tuple(sorted(found))


def _targets(node: ast.AST) -> list[ast.expr]:
    """What a node of the syntax changes."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return targets
        case ast.AugAssign(target=target):
            return [target]
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _CHANGING:
            return [value]
    return []
