"""Forward hooks of a module that compiled code calls: compiled into the caller, around the call of `forward`.

    y = self.a(x)     →     x = pre_hook(self.a, (x,)) …
                            y = self.a.forward(x)
                            hook(self.a, (x,), y)

A hook that has to stay Python (it collects what it sees in a list of the enclosing scope) leaves all hooks of its module
to Python: the compiled module gets an entry for compiled callers that runs them, as for hooks registered after compiling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from .emitter import Emitter
from .modules import SpecSplit
from .values import Mapping, Module, Sequence, Static, Val, known_of, type_of


def before(
    e: Emitter, callee: Module, positional: list[Val], named: dict[str, Val]
) -> tuple[list[Val], dict[str, Val]]:
    """Run the hooks before `forward`: the arguments that it then gets."""
    module = callee.module
    for key, hook in module._forward_pre_hooks.items():
        if key in getattr(module, "_forward_pre_hooks_with_kwargs", ()):
            result = run(e, hook, [callee, Sequence(positional), Mapping(dict(named))])
            if not is_none(result):
                arguments, keywords = parts(e, result)
                positional, named = parts(e, arguments), _keywords(e, keywords)
            continue
        result = run(e, hook, [callee, Sequence(positional)])
        if not is_none(result):
            positional = parts(e, result)
    return positional, named


def after(e: Emitter, callee: Module, positional: list[Val], named: dict[str, Val], output: Val) -> Val:
    """Run the hooks after `forward`: what the call of the module returns."""
    module = callee.module
    for key, hook in module._forward_hooks.items():
        with_kwargs = key in getattr(module, "_forward_hooks_with_kwargs", ())
        given = [Sequence(positional), *([Mapping(dict(named))] if with_kwargs else []), output]
        result = run(e, hook, [callee, *given])
        if not is_none(result):
            output = result
    return output


def run(e: Emitter, hook: Any, given: list[Val]) -> Val:
    """Call one hook; SpecSplit where it turns out that it stays Python."""
    from . import calls

    known = len(e.program.outside)
    result = calls.call(e, e.static(hook), given, {})
    if len(e.program.outside) > known:
        e.program.left_hooks.add(id(hook))
        raise SpecSplit
    return result


def stay_python(e: Emitter, module: torch.nn.Module) -> bool:
    return has_left_hooks(module, e.program.left_hooks)


def has_left_hooks(module: torch.nn.Module, left: set[int]) -> bool:
    """Whether one of the hooks of a module is among those that stay Python."""
    if not left:
        return False
    return any(id(h) in left for h in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()))


def call_with_python_hooks(e: Emitter, callee: Module, call_forward: Callable[[], Val]) -> Val:
    """Call `forward` in the one way through which the hooks run, too: as the method 'forward' of the module."""
    mark = len(e.block.nodes)
    output = call_forward()
    calls = [node for node in e.block.nodes[mark:] if node.kind == "prim::CallMethod"]
    if not calls or calls[-1].attributes["name"] != "forward" or calls[-1].inputs[0].type != callee.spec.cls:
        raise e.unsupported(
            f"A hook of {callee.describe()} stays Python, but the module is called with what is not data, or with "
            "arguments of several types.",
            None,
            "Remove the hook before compiling, or register it on the compiled module.",
        )
    return output


def without(e: Emitter, name: str, call: Callable[[], Val]) -> Val:
    """`m.forward(x)` as it is written runs no hooks, not even those that are registered after compiling."""
    mark = len(e.block.nodes)
    output = call()
    if name == "forward":
        for node in e.block.nodes[mark:]:
            if node.kind == "prim::CallMethod" and node.attributes["name"] == name:
                node.attributes["bare"] = 1
    return output


def is_none(val: Val) -> bool:
    return isinstance(val, Static) and val.object is None


def parts(e: Emitter, val: Val) -> list[Val]:
    """The values of a tuple that a hook returns; anything else stands for itself."""
    from . import loops

    items = (
        loops.static_items(e, val)
        if isinstance(type_of(val), T.TupleType) or isinstance(val, Sequence)
        else None
    )
    return [val] if items is None else items


def _keywords(e: Emitter, val: Val) -> dict[str, Val]:
    """The keyword arguments that a hook returns."""
    if isinstance(val, Mapping):
        return dict(val.items)
    known = known_of(val)
    if known is None or not isinstance(known.object, dict):
        raise e.unsupported("The keyword arguments that a hook returns must be known while compiling.")
    return {k: e.static(v) for k, v in e.depend(val).items()}
