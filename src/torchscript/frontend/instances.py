"""Objects that exist only while compiling: instances of Python classes that archives cannot hold, in parts.

    d = Normal(mu, sigma)            the statements of Normal.__init__, in place
    a = d.sample()            →      the statements of Normal.sample, with what __init__ assigned for self.loc, self.scale

Each attribute is whatever was assigned to it; methods are compiled where they are called. So torch.distributions is
compiled from its own source. Attributes are assigned where the object was made, not under a run-time condition, and the
object itself is no value: it can be passed to functions and come back from them, but not out of compiled code.
"""

from __future__ import annotations

import ast
import types as python_types
from typing import Any

import torch
from torch.distributions import constraints, kl
from torch.distributions.utils import lazy_property

from .. import types as T
from ..errors import CompileError
from . import calls, formatting
from .builtins.registry import handles
from .control import discard
from .emitter import Emitter
from .problems import suggestion
from .values import Instance, Mapping, Partial, Special, Static, Val, type_of

_CLASSES = (torch.distributions.Distribution, constraints.Constraint)


def is_in_parts(cls: Any) -> bool:
    """Whether instances of a class are known in parts."""
    return isinstance(cls, type) and issubclass(cls, _CLASSES)


def construct(e: Emitter, cls: type, positional: list[Val], named: dict[str, Val]) -> Val:
    """`Cls(…)`."""
    made = Instance(cls, {}, e.block)
    calls.call(e, attribute(e, made, "__init__", None), positional, named)
    made.lazy.update(_lazy(e, made))
    return made


def _lazy(e: Emitter, owner: Instance) -> dict[str, Val]:
    """What its lazy properties are, computed here: Python does so with gradients, also where they are read without.

    What nobody reads is dead code.
    """
    found: dict[str, Val] = {}
    for base in owner.cls.__mro__:
        for name, value in vars(base).items():
            if type(value) is lazy_property and name not in owner.attributes and name not in found:
                mark = len(e.block.nodes)
                try:
                    found[name] = calls.call(e, Static(value.wrapped, None), [owner], {})
                except CompileError:
                    discard(e.block, mark)  # said again where it is read
    return found


def attribute(e: Emitter, owner: Instance, name: str, node: ast.AST | None, after: type | None = None) -> Val:
    """`owner.name`; what classes behind `after` have, for `super()`."""
    if after is None and name in owner.attributes:
        return owner.attributes[name]
    if after is None and name in owner.lazy:
        return owner.lazy[name]
    if name == "__dict__":
        return Mapping(dict(owner.attributes))
    if name == "__class__":
        return Static(owner.cls, None)
    if name == "__new__":
        return Special(
            name, lambda e, node, positional, named: Instance(e.depend(positional[0]), {}, e.block)
        )
    order = owner.cls.__mro__
    for base in order[order.index(after) + 1 if after is not None else 0 :]:
        if name not in vars(base):
            continue
        found = vars(base)[name]
        if type(found) is lazy_property:
            return calls.call(e, Static(found.wrapped, None), [owner], {})
        if isinstance(found, property):
            return calls.call(e, Static(found.fget, None), [owner], {})
        if isinstance(found, python_types.FunctionType):
            return Partial(Static(found, None), [owner], {})
        if base is object:
            return Special(f"object.{name}", lambda e, node, positional, named: e.none())
        value = getattr(owner.cls, name)
        return Static(value, None) if isinstance(value, dict) else e.static(value)
    known = (*owner.attributes, *dir(owner.cls))
    raise e.missing(
        AttributeError,
        f"'{owner.cls.__qualname__}' has no attribute '{name}'.",
        node,
        *suggestion(name, known),
    )


def assign(e: Emitter, owner: Instance, name: str, value: Val, node: ast.AST) -> None:
    """`owner.name = value`."""
    if e.block is not owner.block:
        raise e.unsupported(
            f"An attribute of a {owner.cls.__qualname__} is assigned here, where only a run decides whether.",
            node,
            "Make another object.",
        )
    owner.attributes[name] = value


def defining_class(owner: Instance, tree: ast.AST) -> type:
    """The class whose body holds the method that is compiled, for `super()`."""
    from .sources import function_source

    for base in owner.cls.__mro__:
        found = vars(base).get(getattr(tree, "name", ""))
        function = getattr(found, "fget", None) or getattr(found, "wrapped", None) or found
        if isinstance(function, python_types.FunctionType) and function_source(function).tree is tree:
            return base
    return owner.cls


def shown(e: Emitter, val: Instance) -> Val:
    """What `repr` shows, with the shapes of the parameters."""
    items = [
        (k, v) for k, v in val.attributes.items() if isinstance(type_of(v), T.TensorType) and k[0] != "_"
    ]
    template = ", ".join(f"{name}: {{}}" for name, _ in items)
    shapes: list[Val] = [calls.call(e, e.static(torch.Tensor.size), [v], {}) for _, v in items]
    return formatting.format_values(e, f"{val.cls.__name__}({template})", shapes)


@handles(torch.overrides.is_tensor_like)
def _is_tensor(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.static(isinstance(type_of(positional[0]), T.TensorType))


@handles(torch.get_default_dtype)
def _default_dtype(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.static(torch.get_default_dtype())


@handles(kl.kl_divergence)
def _divergence(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`kl_divergence(p, q)`: the function that is registered for their classes."""
    p, q = positional
    if not isinstance(p, Instance) or not isinstance(q, Instance):
        raise e.error("'kl_divergence' takes two distributions.")
    found = kl._dispatch_kl(p.cls, q.cls)  # type: ignore[no-untyped-call]
    if found is NotImplemented:
        raise e.certain(
            NotImplementedError,
            f"No KL(p || q) is implemented for p type {p.cls.__name__} and q type {q.cls.__name__}",
        )
    return calls.call(e, e.static(found), [p, q], {})
