"""What an expression is while it is compiled.

The frontend evaluates a program partially: what is known now stays a Python object (`Static`), what is only
known at run time is an SSA value (`Dynamic`), and what is built from both keeps its parts (`Sequence`).
Anything first-class becomes an SSA value when it is needed as one (`Emitter.materialize`).
"""

from __future__ import annotations

import ast
import enum
import types as python_types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..ir.graph import Block, Value
from ..schema.reasons import describe, name_of
from ..source import SourceRange

if TYPE_CHECKING:
    from .modules import ModuleSpec
    from .sources import FunctionSource
    from .splitting import Split


class Dependency(typing.NamedTuple):
    """A module attribute whose present value the compiled code relies on."""

    spec: ModuleSpec
    path: tuple[str, ...]
    value: Any


Dependencies = tuple[Dependency, ...]


class Val:
    """Base of everything that an expression can be."""

    __slots__ = ()

    def describe(self) -> str:
        """For error messages: what this is, in the user's words."""
        return "a value"

    def subject(self) -> str:
        """`describe()` at the beginning of a sentence."""
        text = self.describe()
        return text[:1].upper() + text[1:]


class Dynamic(Val):
    """A value that exists at run time. `known` is its value where the compiler happens to know it too."""

    __slots__ = ("known", "value")

    def __init__(self, value: Value, known: Known | None = None) -> None:
        self.value = value
        self.known = known

    @property
    def type(self) -> T.Type:
        return self.value.type

    def describe(self) -> str:
        return describe(self.value.type)


class Known(typing.NamedTuple):
    """A Python object that is known while compiling, and the module attributes it came from."""

    object: Any
    dependencies: Dependencies = ()


class Static(Val):
    """A Python object: a literal, a global, a function, a class.

    `type` is its static type, or None where it is not first-class (a function, a class, a Python module).
    """

    __slots__ = ("known", "type")

    def __init__(self, obj: Any, type: T.Type | None, dependencies: Dependencies = ()) -> None:
        self.known = Known(obj, dependencies)
        self.type = type

    @property
    def object(self) -> Any:
        return self.known.object

    def describe(self) -> str:
        obj = self.object
        if self.type is not None:
            return (
                f"the {name_of(self.type)} {obj!r}"
                if not isinstance(obj, torch.Tensor)
                else "a Tensor constant"
            )
        if isinstance(obj, type):
            return f"the class '{obj.__qualname__}'"
        if callable(obj):
            return f"the function '{getattr(obj, '__qualname__', getattr(obj, '__name__', repr(obj)))}'"
        if isinstance(obj, python_types.ModuleType):
            return f"the module '{obj.__name__}'"
        return f"a Python object of class '{type(obj).__qualname__}'"


class Attribute(Val):
    """An attribute of a module that holds plain data: read at run time, its present value known now.

    The program depends on the present value only if something asks for `known`.
    """

    __slots__ = ("known", "name", "owner", "type")

    def __init__(self, owner: Module, name: str, obj: Any, type: T.Type | None, known: Known | None) -> None:
        self.owner = owner
        self.name = name
        self.type = type
        self.known = known

    def describe(self) -> str:
        return f"the attribute '{self.name}'" + (f", {describe(self.type)}" if self.type is not None else "")


class Sequence(Val):
    """A tuple or list whose parts are known one by one. `named` is its NamedTuple type, if it is one."""

    __slots__ = ("field_names", "is_list", "items", "named", "node")

    def __init__(
        self,
        items: list[Val],
        is_list: bool = False,
        named: T.NamedTupleType | None = None,
        field_names: tuple[str, ...] = (),
    ) -> None:
        self.items = items
        self.is_list = is_list
        self.named = named
        self.field_names = named.field_names if named is not None else field_names
        self.node: ast.AST | None = None  # the literal, for errors

    @property
    def is_mixed(self) -> bool:
        """Whether it is a list of ints and floats, or holds one."""
        kinds = {type_of(item) for item in self.items} if self.is_list else ()
        return (T.INT in kinds and T.FLOAT in kinds) or any(
            isinstance(item, Sequence) and item.is_mixed for item in self.items
        )

    @property
    def type(self) -> T.Type | None:
        elements = [type_of(item) for item in self.items]
        known = tuple(e for e in elements if e is not None)
        if len(known) != len(elements):
            return None
        if self.is_list:
            common: T.Type | None = known[0] if known else T.TENSOR
            for element in known[1:]:
                common = T.unify(common, element) if common is not None else None
            if common is None and set(known) == {T.INT, T.FLOAT}:
                common = T.FLOAT  # for an operator that takes floats; as any other value it has no type
            return T.ListType(common) if common is not None else None
        return self.named if self.named is not None else T.TupleType(known)

    def describe(self) -> str:
        kind = "list" if self.is_list else "tuple"
        return f"a {kind} of {len(self.items)}"


class ModuleChain(Sequence):
    """A slice of an `nn.Sequential`: called, it calls its modules in turn."""

    __slots__ = ()


class Mapping(Val):
    """A dict with known string keys and values that are not first-class (`**kwargs`, a ModuleDict's items).

    What the program does to it is done while compiling: only in `block`, where it was made, does that run exactly once.
    """

    __slots__ = ("block", "items")

    def __init__(self, items: dict[Any, Val], block: Block | None = None) -> None:
        self.items = items
        self.block = block

    def describe(self) -> str:
        return f"a dict with the keys {', '.join(map(repr, self.items))}"


class Module(Val):
    """An `nn.Module` that exists now. `path` leads to it from the module whose method is being compiled (`root`)."""

    __slots__ = ("given", "module", "parent", "path", "root", "spec", "value")

    def __init__(
        self,
        module: torch.nn.Module,
        spec: ModuleSpec,
        root: ModuleSpec | None,
        path: tuple[str, ...],
        value: Value | None = None,
        parent: Module | None = None,
    ) -> None:
        self.module = module
        self.spec = spec
        self.root = root
        self.path = path
        self.value = value
        self.parent = parent
        self.given: dict[str, Val] | None = (
            None  # of a module made in compiled code: attributes known at run time
        )

    @property
    def type(self) -> T.Type:
        return self.spec.cls

    def describe(self) -> str:
        where = ".".join(("self", *self.path))
        return f"the module '{where}' ({type(self.module).__qualname__})"


class Method(Val):
    """A method of a module: `function` is the Python function, `name` what it is called."""

    __slots__ = ("function", "name", "owner")

    def __init__(self, owner: Module, name: str, function: Any) -> None:
        self.owner = owner
        self.name = name
        self.function = function

    def describe(self) -> str:
        return f"the method '{self.name}'"


class BuiltinMethod(Val):
    """A method of a run-time value (`x.add`, `words.append`), called as the operators `names` with it first."""

    __slots__ = ("name", "owner")

    def __init__(self, owner: Val, name: str) -> None:
        self.owner = owner
        self.name = name

    def describe(self) -> str:
        return f"the method '{self.name}'"


class Closure(Val):
    """A function defined inside the function being compiled, with the scope it sees and the defaults it had there."""

    __slots__ = ("by_name", "defaults", "emitter", "scope", "source", "tree")

    def __init__(
        self,
        tree: ast.FunctionDef | ast.Lambda,
        source: FunctionSource,
        emitter: Any,
        defaults: tuple[Val, ...],
        by_name: dict[str, Val],
    ) -> None:
        self.tree = tree
        self.source = source
        self.emitter = emitter
        self.scope = emitter.scope
        self.defaults = defaults
        self.by_name = by_name

    def present_scope(self) -> Any:
        """The variables it sees when it is called here: those of the function around it, as they are now."""
        found = inner = self.emitter.scope
        while inner is not None and inner is not self.scope:
            inner, found = inner.parent, inner.parent if inner.is_comprehension else found
        return found if inner is self.scope else self.scope

    def describe(self) -> str:
        return "a lambda" if isinstance(self.tree, ast.Lambda) else f"the function '{self.tree.name}'"


class Partial(Val):
    """`functools.partial(callee, *positional, **named)`."""

    __slots__ = ("callee", "named", "positional")

    def __init__(self, callee: Val, positional: list[Val], named: dict[str, Val]) -> None:
        self.callee = callee
        self.positional = positional
        self.named = named

    def describe(self) -> str:
        return f"a partial of {self.callee.describe()}"


class Special(Val):
    """Something that only the compiler can call: `handler(emitter, call node, positional, named) -> Val`."""

    __slots__ = ("handler", "name")

    def __init__(self, name: str, handler: Callable[..., Val]) -> None:
        self.name = name
        self.handler = handler

    def describe(self) -> str:
        return f"'{self.name}'"


class Iterable(Val):
    """What a `for` can run over besides plain values: range, enumerate, zip, reversed and their like."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, parts: list[Val]) -> None:
        self.kind = kind
        self.parts = parts

    def describe(self) -> str:
        return f"'{self.kind}(…)'"


class Iterator(Val):
    """`iter(…)`: `rest` is the list of what is left, the next element last; None where that is `items`, known now.

    `block` is where it was made: what is known to be left is known only there.
    """

    __slots__ = ("block", "items", "rest")

    def __init__(self, items: list[Val], rest: Dynamic | None, block: Block | None) -> None:
        self.items = items
        self.rest = rest
        self.block = block

    def describe(self) -> str:
        return "an iterator"


class Instance(Val):
    """An object that exists only while compiling, and what its attributes are; `lazy` are properties that it remembers."""

    __slots__ = ("attributes", "block", "cls", "lazy")

    def __init__(
        self, cls: type, attributes: dict[str, Val], block: Block, lazy: dict[str, Val] | None = None
    ) -> None:
        self.cls = cls
        self.attributes = attributes
        self.lazy: dict[str, Val] = lazy if lazy is not None else {}
        self.block = block

    def describe(self) -> str:
        return f"an object of class '{self.cls.__qualname__}'"


class Slice(Val):
    """`slice(start, stop, step)`."""

    __slots__ = ("bounds",)

    def __init__(self, bounds: list[Val]) -> None:
        self.bounds = bounds

    def describe(self) -> str:
        return "a slice"


class RaisedException(Val):
    """An exception object that is about to be raised."""

    __slots__ = ("cls", "message")

    def __init__(self, cls: type, message: Val) -> None:
        self.cls = cls
        self.message = message

    def describe(self) -> str:
        return f"an exception ({self.cls.__name__})"


class Unusable(Val):
    """A variable that cannot be read here, and why.

    `by_loop`: because it is in a loop that is not unrolled. `split`: because the two sides of that `if` left it
    as different things; `is_undefined` if one side did not define it at all, `is_data` if both are data that no
    variable can hold in turn (an int and a str).
    """

    __slots__ = ("by_loop", "is_data", "is_undefined", "reason", "split", "where")

    def __init__(
        self,
        reason: str,
        where: SourceRange | None,
        by_loop: bool = False,
        *,
        split: Split | None = None,
        is_undefined: bool = False,
        is_data: bool = False,
    ) -> None:
        self.reason = reason
        self.where = where
        self.by_loop = by_loop
        self.split = split
        self.is_undefined = is_undefined
        self.is_data = is_data

    def describe(self) -> str:
        return "an undefined value"


def type_of(val: Val) -> T.Type | None:
    """The static type of `val`, or None where it is not first-class."""
    return getattr(val, "type", None)


def known_of(val: Val) -> Known | None:
    """The Python object that `val` is known to be, if it is."""
    if isinstance(val, Static | Attribute | Dynamic):
        return val.known
    if isinstance(val, Sequence):
        parts = [known_of(item) for item in val.items]
        if any(p is None for p in parts):
            return None
        objects = [p.object for p in parts if p is not None]
        dependencies = tuple(d for p in parts if p is not None for d in p.dependencies)
        if val.named is not None and val.named.python_class is not None:
            return Known(val.named.python_class(*objects), dependencies)
        return Known(objects if val.is_list else tuple(objects), dependencies)
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two known objects are interchangeable for compiled code."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, float) and a != a:
        return bool(b != b)
    if isinstance(a, int | float | bool | str | complex | enum.Enum | torch.device | torch.dtype):
        return bool(a == b)
    return False


def is_scalar_constant(obj: Any) -> bool:
    """Whether `obj` is immutable data that may be computed with while compiling."""
    if isinstance(obj, tuple):
        return all(is_scalar_constant(o) for o in obj)
    return obj is None or isinstance(
        obj,
        int
        | float
        | bool
        | str
        | complex
        | torch.device
        | torch.dtype
        | torch.layout
        | torch.memory_format
        | enum.Enum,
    )


def describe_object(known: Known | None) -> str:
    if known is None:
        return "something"
    return f"a {type(known.object).__qualname__}"
