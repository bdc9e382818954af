"""Forward hooks of a module that is saved, as methods of its class.

    module.register_forward_hook(scale)      →      class Net(Module):
                                                      __forward_hooks__ = ["scale", ]
                                                      def scale(self: __torch__.Net, input: Tuple[Tensor],
                                                        output: Tensor) -> Tensor: …

Compiled callers have the hooks of the modules that they call in their own code. The hooks of the class are for calls
from outside: of the top module, and of a submodule that a user takes out.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from .. import types as T
from ..errors import Error
from ..frontend.entry import compile_entry
from ..frontend.program import Program
from ..frontend.values import Module
from ..ir.graph import Function, Graph, Value
from ..schema import Argument, Schema

_lock = threading.RLock()  # classes are shared: one at a time has the hooks of a module that is being saved


@contextlib.contextmanager
def classes_with_hooks(
    obj: Any, root: Any, root_class: T.ClassType, check: Callable[[Function], None]
) -> Iterator[None]:
    """The classes in `root` have the hooks of its modules while this lasts; a warning names those that are lost.

    `root` is what is saved for `obj`. `check` raises an Error for a function that no archive can hold.
    """
    if not isinstance(obj, torch.nn.Module) or not isinstance(root, torch.nn.Module):
        yield
        return
    hooked: dict[T.ClassType, list[tuple[str, torch.nn.Module]]] = {}
    for path, module in root.named_modules():
        cls = getattr(type(module), "_ts_class", None) if path else root_class
        if isinstance(cls, T.ClassType):
            hooked.setdefault(cls, []).append((path, module if path else obj))
    hooked = {cls: found for cls, found in hooked.items() if any(_hooks_of(m) != ((), ()) for _, m in found)}
    if not hooked:
        yield
        return
    lost: dict[str, None] = {}
    with _lock, contextlib.ExitStack() as undo:
        for cls, found in hooked.items():
            undo.callback(_restore, cls, dict(cls.methods), cls.forward_pre_hooks, cls.forward_hooks)
            same = all(_hooks_of(module) == _hooks_of(found[0][1]) for _, module in found)
            made = _compile(found[0][1], cls, check) if same else None
            if made is not None:
                cls.forward_pre_hooks, cls.forward_hooks = made
            for path, module in found:
                if (not path and made is None) or (path and "_ts_forward" in module.__dict__):
                    lost.update((_described(hook, path), None) for hook in _not_archived(module))
        if lost:
            warnings.warn(
                f"the archive will not have these forward hooks: {', '.join(lost)}. It holds those of the top module "
                "that can be compiled, and those that a submodule had when it was compiled",
                stacklevel=7,
            )
        yield


def forward_with_hooks(module: torch.nn.Module, cls: T.ClassType) -> Function | None:
    """`forward` as it runs when the module is called, its hooks before and behind it; None for a module without any.

    Raises Error for a hook that does not compile.
    """
    if _hooks_of(module) == ((), ()):
        return None
    with _lock, contextlib.ExitStack() as undo:
        undo.callback(_restore, cls, dict(cls.methods), cls.forward_pre_hooks, cls.forward_hooks)
        made = _compile(module, cls, lambda function: None)
        if made is None:
            hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
            raise Error(
                f"'{cls.qualified_name.rpartition('.')[2]}' has forward hooks that do not compile: "
                f"{', '.join(_described(hook, '') for hook in hooks)}. Remove them first."
            )
        return _around(cls.methods["forward"], *made)


def _around(forward: Function, pre_hooks: list[Function], hooks: list[Function]) -> Function:
    """A function that calls the hooks and `forward`, as `nn.Module.__call__` does."""
    graph = Graph("forward")
    block = graph.block
    me, *arguments = [block.add_parameter(a.type, a.name) for a in forward.schema.arguments]
    types = T.TupleType(tuple(value.type for value in arguments))

    def call(function: Function, inputs: list[Value]) -> Value:
        attributes = {"name": function.name, "function": function}
        callee = block.add("prim::Constant", (), (T.FUNCTION,), attributes).output
        result = function.schema.return_type
        return block.add(
            "prim::CallFunction", [callee, me, *inputs], (result,), {"function": function}
        ).output

    for hook in pre_hooks:
        changed = call(hook, [block.add("prim::TupleConstruct", arguments, (types,)).output])
        if isinstance(changed.type, T.TupleType):
            arguments = block.add("prim::TupleUnpack", (changed,), changed.type.elements).outputs
        elif not isinstance(changed.type, T.NoneType):
            arguments = [changed]
    output = call(forward, arguments)
    for hook in hooks:
        changed = call(hook, [block.add("prim::TupleConstruct", arguments, (types,)).output, output])
        output = output if isinstance(changed.type, T.NoneType) else changed
    block.add_output(output)
    schema = forward.schema
    schema = Schema(schema.name, schema.overload, schema.arguments, (Argument("", output.type),))
    return Function(
        forward.qualified_name, graph, schema, python_function=forward.python_function, source=forward.source
    )


def _restore(
    cls: T.ClassType, methods: dict[str, Function], pre_hooks: list[Function], hooks: list[Function]
) -> None:
    cls.methods, cls.forward_pre_hooks, cls.forward_hooks = methods, pre_hooks, hooks


def _hooks_of(module: torch.nn.Module) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(
        tuple(getattr(hook, "name", hook) if getattr(hook, "is_archived", False) else hook for hook in table)
        for table in (module._forward_pre_hooks.values(), module._forward_hooks.values())
    )  # type: ignore[return-value]


def _not_archived(module: torch.nn.Module) -> list[Any]:
    both = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    return [h for h in both if not (getattr(h, "is_archived", False) or hasattr(h, "compiled_in"))]


def _described(hook: Any, path: str) -> str:
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    return f"'{name}' of {repr(path) if path else 'the top module'}"


def _compile(
    module: torch.nn.Module, cls: T.ClassType, check: Callable[[Function], None]
) -> tuple[list[Function], list[Function]] | None:
    """The hooks of a module as methods of its class; None if one of them is outside the language."""
    forward = cls.method("forward")
    keywords = (
        "_forward_hooks_with_kwargs",
        "_forward_pre_hooks_with_kwargs",
        "_forward_hooks_always_called",
    )
    if forward is None or any(getattr(module, table, None) for table in keywords):
        return None
    arguments = T.TupleType(tuple(a.type for a in forward.schema.arguments[1:]))
    output = forward.schema.return_type
    program = Program(allow_python_calls=False)
    pre_hooks: list[Function] = []
    hooks: list[Function] = []
    try:
        for hook in module._forward_pre_hooks.values():
            made = _compile_one(program, module, cls, hook, (arguments,))
            result = made.schema.return_type
            if not isinstance(result, T.NoneType) and result not in (arguments, *arguments.elements[:1]):
                return None  # forward would not take it
            pre_hooks.append(made)
        for hook in module._forward_hooks.values():
            made = _compile_one(program, module, cls, hook, (arguments, output))
            result = made.schema.return_type
            output = output if isinstance(result, T.NoneType) else result
            hooks.append(made)
        for function in cls.methods.values():
            check(function)
    except Error:
        return None
    return pre_hooks, hooks


def _compile_one(
    program: Program, module: torch.nn.Module, cls: T.ClassType, hook: Any, given: tuple[T.Type, ...]
) -> Function:
    if getattr(hook, "is_archived", False):
        return cls.methods[hook.name]
    if _collects(hook):
        raise Error("the hook collects what it sees in a container of this process")
    spec = program.spec_of(module)
    spec.cls = cls
    named = isinstance(hook, types.FunctionType) and hook.__name__.isidentifier()
    function: Any = hook if named else _calling(hook, len(given))
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]
    made = compile_entry(
        program, function, Module(module, spec, spec, (), None), dict(zip(names, given, strict=False))
    )
    if tuple(a.type for a in made.schema.arguments[1:]) != given:
        raise Error(f"the hook '{made.name}' is annotated with other types than it is called with")
    return made


def _collects(hook: Any) -> bool:
    """Whether a hook has a list, a dict or a set at hand that is no module's: an archive would have a copy of it."""
    bound = getattr(hook, "__self__", hook)
    at_hand = [] if isinstance(bound, torch.nn.Module | types.FunctionType) else [*vars(bound).values()]
    if isinstance(hook, functools.partial):
        at_hand += [*hook.args, *hook.keywords.values()]
        hook = hook.func
    function = hook if inspect.isroutine(hook) else type(hook).__call__
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        used = inspect.getclosurevars(function)
        at_hand += [*used.nonlocals.values(), *used.globals.values()]
    return any(isinstance(value, list | dict | set) for value in at_hand)


def _calling(hook: Any, arguments: int) -> Any:
    """A function that calls a hook which is none itself: a bound method, a partial, an object."""

    def forward_pre_hook(module, input):  # type: ignore[no-untyped-def]
        return hook(module, input)

    def forward_hook(module, input, output):  # type: ignore[no-untyped-def]
        return hook(module, input, output)

    return forward_pre_hook if arguments == 1 else forward_hook
