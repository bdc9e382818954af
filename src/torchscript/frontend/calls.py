"""Calls: of operators, Python functions, modules, methods, classes, closures."""

from __future__ import annotations

import ast
import functools
import inspect
import types as python_types
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..operators.resolve import operator_name_of, operator_schemas_of
from ..schema import Argument, Schema, match_overloads
from . import (
    arithmetic,
    arrays,
    attributes,
    autograd_functions,
    binding,
    compilation,
    function_calls,
    generators,
    iterators,
    marks,
    methods,
    module_hooks,
    nonlocals,
    outer,
    transient,
)
from .builtins import containers, registry, tensors
from .builtins import iterators as itertools_
from .builtins.arities import accepts
from .control import discard
from .emitter import Emitter
from .values import (
    Attribute,
    BuiltinMethod,
    Closure,
    Dynamic,
    Instance,
    Iterable,
    Mapping,
    Method,
    Module,
    ModuleChain,
    Partial,
    Sequence,
    Special,
    Static,
    Unusable,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)


def emit_call(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    """A call expression."""
    from . import expressions

    callee = expressions.emit(e, node.func)
    e.node = node
    if isinstance(callee, Static):
        syntactic = registry.syntactic(callee.object)
        if syntactic is not None:
            spread = any(isinstance(a, ast.Starred) for a in node.args) or any(
                k.arg is None for k in node.keywords
            )
            try:
                if not spread and not accepts(callee.object, node.args, (k.arg or "" for k in node.keywords)):
                    raise TypeError
                return syntactic(e, node, hint)
            except (IndexError, KeyError, TypeError) as error:
                positional, named = arguments_of(e, node, callee)
                raise wrong_arguments(e, ast.unparse(node.func), positional, named) from error
    if isinstance(callee, Static) and callee.object is zip:
        columns = _columns(e, node)
        if columns is not None:
            return columns
    positional, named = arguments_of(e, node, callee)
    e.node = node
    if isinstance(callee, BuiltinMethod) and callee.name == "tolist" and not positional:
        if isinstance(type_of(callee.owner), T.TensorType):
            from . import conversions

            return conversions.tensor_to_list(e, callee.owner, hint)
    return call(e, callee, positional, named, hint)


def _columns(e: Emitter, node: ast.Call) -> Val | None:
    """`zip(*rows)` of a run-time list."""
    from . import expressions

    if len(node.args) != 1 or not isinstance(node.args[0], ast.Starred):
        return None
    mark = len(e.block.nodes)
    rows = expressions.emit(e, node.args[0].value)
    e.node = node
    found = itertools_.columns(e, rows)
    if found is None:
        discard(e.block, mark)
    return found


def takes_star_of_list(callee: Val | None) -> bool:
    """Whether what is called takes numbers one by one or as a list, as `x.view` does."""
    if isinstance(callee, Static):
        obj = callee.object
        if isinstance(obj, python_types.FunctionType) and operator_name_of(obj) is None:
            return bool(obj.__code__.co_flags & inspect.CO_VARARGS)
        # of Python's own functions, these alone take a list for its elements: zip(*xs) is not zip(xs)
        return obj in (max, min) if getattr(obj, "__module__", None) == "builtins" else True
    return not isinstance(callee, Closure | Method | Module | Partial)


def arguments_of(e: Emitter, node: ast.Call, callee: Val | None = None) -> tuple[list[Val], dict[str, Val]]:
    """The arguments of a call, with `*` and `**` spread."""
    from . import expressions, loops

    positional: list[Val] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            inner = expressions.emit(e, argument.value)
            items = loops.static_items(e, inner, known_lists=True)
            if items is not None:
                positional.extend(items)
                continue
            if (
                isinstance(inner, Iterable)
                and takes_star_of_list(callee)
                and not node.keywords
                and len(node.args) == 1
            ):
                return [containers.as_run_time_list(e, inner)], {}
            if isinstance(type_of(inner), T.ListType) and takes_star_of_list(callee):
                return [_star_list(e, node)], _named(e, node)
            raise e.error(
                f"How many arguments '*' stands for is not known while compiling: {inner.describe()}.",
                argument,
                "Pass the elements one by one (values[0], values[1]), or the list itself.",
            )
        val = expressions.emit(e, argument)
        if isinstance(val, Unusable):
            raise e.error(val.reason, argument)
        positional.append(val)
    return positional, _named(e, node)


def _star_list(e: Emitter, node: ast.Call) -> Val:
    """`f(a, *sizes)` with a run-time list: all positional arguments as one list (`x.view(b, *sizes)`)."""
    from . import expressions

    display = ast.copy_location(ast.List(node.args, ast.Load()), node)
    return expressions.emit(e, display)


def _named(e: Emitter, node: ast.Call) -> dict[str, Val]:
    from . import expressions

    named: dict[str, Val] = {}
    for keyword in node.keywords:
        val = expressions.emit(e, keyword.value)
        if keyword.arg is not None:
            named[keyword.arg] = val
        elif isinstance(val, Mapping):
            named.update(val.items)
        elif (
            isinstance(known := known_of(val), tuple) and known is not None and isinstance(known.object, dict)
        ):
            e.depend(val)
            named.update({k: e.static(v) for k, v in known.object.items()})
        elif (items := display_items(e, val)) is not None:
            named.update(items)
        else:
            raise e.error("What '**' stands for is not known while compiling.", keyword.value)
    return named


_READING = frozenset({"__getitem__", "get", "keys", "values", "items", "len", "__contains__", "copy"})


def display_items(e: Emitter, val: Val) -> dict[str, Val] | None:
    """What a dict holds that was made by `{"a": x}` just before, and that nothing may have changed since."""
    node = val.value.node if isinstance(val, Dynamic) else None
    if node is None or node.kind != "prim::DictConstruct" or node.block is not e.block:
        return None
    if any(user.kind.removeprefix("aten::") not in _READING for user, _ in node.output.users):
        return None
    keys = [k.node.attributes.get("value") if k.node is not None else None for k in node.inputs[::2]]
    if not all(isinstance(k, str) for k in keys):
        return None
    return {str(k): Dynamic(v) for k, v in zip(keys, node.inputs[1::2], strict=True)}


def call(
    e: Emitter, callee: Val, positional: list[Val], named: dict[str, Val], hint: T.Type | None = None
) -> Val:
    """Call a value of any kind."""
    given = iterators.as_arguments(e, callee, positional)
    if isinstance(given, Val):
        return given
    positional = given
    if isinstance(callee, Static):
        return call_object(e, callee.object, positional, named, hint)
    if isinstance(callee, Attribute) and callee.type is None and callee.known is not None:
        return call_object(e, e.depend(callee), positional, named, hint)
    if isinstance(callee, Module):
        return call_module(e, callee, positional, named)
    if isinstance(callee, Method):
        return module_hooks.without(e, callee.name, lambda: call_method(e, callee, positional, named))
    if isinstance(callee, BuiltinMethod):
        owner, name = callee.owner, callee.name
        return module_hooks.without(
            e, name, lambda: methods.call_builtin_method(e, owner, name, positional, named)
        )
    if isinstance(callee, Closure):
        return call_closure(e, callee, positional, named)
    if isinstance(callee, Partial):
        return call(e, callee.callee, [*callee.positional, *positional], {**callee.named, **named}, hint)
    if isinstance(callee, ModuleChain):
        for module in callee.items:
            positional, named = [call(e, module, positional, named)], {}
        return positional[0]
    if isinstance(callee, Instance):
        return call(e, attributes.attribute_of(e, callee, "__call__", e.node), positional, named)
    if isinstance(callee, Special):
        return callee.handler(e, e.node, positional, named)
    type = type_of(callee)
    if isinstance(type, T.ClassType):
        return methods.call_class_method(e, callee, "__call__", positional, named)
    if isinstance(type, T.InterfaceType):
        name = "forward" if type.is_module else "__call__"
        attributes.attribute_of(e, callee, name, e.node)  # which says where the interface has no such method
        return methods.call_builtin_method(e, callee, name, positional, named)
    if isinstance(callee, Unusable):
        raise e.error(callee.reason)
    if isinstance(type, T.NoneType):
        raise e.certain(TypeError, "None cannot be called.")
    raise e.error(f"{callee.subject()} cannot be called.", None, *binding.advice_for_callee(callee))


def call_object(
    e: Emitter, obj: Any, positional: list[Val], named: dict[str, Val], hint: T.Type | None = None
) -> Val:
    """Call a Python object that is known."""
    from .. import runtime

    if (
        isinstance(obj, python_types.MethodDescriptorType)
        and obj.__objclass__ in (str, list, dict)
        and positional
    ):
        return methods.call_builtin_method(
            e, positional[0], obj.__name__, positional[1:], named
        )  # str.upper(s)
    special = registry.special(obj)
    if special is not None:
        if not accepts(obj, positional, named):
            raise wrong_arguments(e, getattr(obj, "__name__", repr(obj)), positional, named)
        try:
            return special(e, positional, named, hint)
        except (IndexError, KeyError, TypeError) as error:  # what it takes, it did not get
            raise wrong_arguments(e, getattr(obj, "__name__", repr(obj)), positional, named) from error
    compiled = runtime.compiled_function_of(obj)
    if compiled is not None:
        return _call_compiled(e, compiled, positional, named)
    name = operator_name_of(obj)
    if name is not None:
        return call_torch(e, obj, name, positional, named)
    choice = marks.boolean_dispatch_of(obj)
    if choice is not None:
        return _dispatch(e, choice, positional, named, hint)
    if arrays.is_numpy(obj):
        computed = arrays.call(e, obj, positional, named)
        if computed is not None:
            return computed
    if isinstance(obj, type):
        from . import classes

        return classes.construct(e, obj, positional, named)
    if isinstance(obj, python_types.FunctionType):
        return function_calls.call_function(e, obj, positional, named)
    if autograd_functions.is_apply(obj):
        return autograd_functions.apply(e, obj.__self__, positional, named)
    if isinstance(obj, python_types.MethodType):
        owner = obj.__self__
        return call(e, e.static(obj.__func__), [e.static(owner), *positional], named, hint)
    if isinstance(obj, torch.nn.Module):
        return call_module(e, Module(obj, e.program.spec_of(obj), None, ()), positional, named)
    if isinstance(obj, functools.partial):
        first = [e.static(a) for a in obj.args]
        given = {k: e.static(v) for k, v in obj.keywords.items()}
        return call(e, e.static(obj.func), [*first, *positional], {**given, **named}, hint)
    original = marks.unwrap(obj)
    if original is not obj:
        return call(e, e.static(original), positional, named, hint)
    folded = fold_call(e, obj, positional, named)
    if folded is not None:
        return folded
    own_call = getattr(type(obj), "__call__", None)  # noqa: B004
    if isinstance(own_call, python_types.FunctionType):  # an instance that can be called
        return function_calls.call_function(e, own_call, [Static(obj, None), *positional], named)
    return function_calls.call_function(e, obj, positional, named)


def wrong_arguments(e: Emitter, name: str, positional: list[Val], named: dict[str, Val]) -> CompileError:
    """The error of a call of a builtin that takes other arguments."""
    given = [v.describe() for v in positional] + [f"{k}={v.describe()}" for k, v in named.items()]
    return e.error(f"'{name}' cannot be called with {', '.join(given) if given else 'no arguments'}.")


def fold_call(e: Emitter, obj: Any, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """A call of a builtin on known scalars, evaluated now."""
    if getattr(obj, "__module__", None) not in ("builtins", "math", "operator", "itertools", None):
        return None
    outer.refuse_change(e, Static(getattr(obj, "__self__", None), None), getattr(obj, "__name__", ""))
    known = [known_of(v) for v in [*positional, *named.values()]]
    if any(k is None or not is_scalar_constant(k.object) for k in known):
        return None
    values = [e.depend(v) for v in positional]
    keywords = {k: e.depend(v) for k, v in named.items()}
    try:
        return e.static(obj(*values, **keywords))
    except Exception:
        return None


def _call_compiled(e: Emitter, function: Any, positional: list[Val], named: dict[str, Val]) -> Val:
    """Call a function that was compiled before (a ScriptFunction, a traced function)."""
    require_data(e, function.name, [*positional, *named.values()])
    matched = match_overloads(
        [function.schema], positional, named, where=e.where(), display_name=function.name
    )
    arguments = [e._bound(b) for b in matched.bindings]
    return function_calls.emit_compiled_call(e, function, arguments, None)


def call_torch(e: Emitter, obj: Any, name: str, positional: list[Val], named: dict[str, Val]) -> Val:
    """Call a function of PyTorch that is an operator."""
    display = getattr(obj, "__name__", name)
    named = {k: v for k, v in named.items() if not (k == "out" and _is_none(v))}
    handler = tensors.TORCH_HANDLERS.get(name)
    if handler is not None:
        found = handler(e, positional, named)
        if found is not None:
            return found
    folded = _fold_math(e, obj, positional, named)
    if folded is not None:
        return folded
    if getattr(obj, "__module__", None) == "math":  # `math.floor(x.item())` is an int, whatever x holds
        positional = [
            Dynamic(e.call("aten::Float", [p])) if isinstance(type_of(p), T.NumberType) else p
            for p in positional
        ]
    schemas = operator_schemas_of(obj) or ()
    flag = gradient_flag(schemas, named)
    positional, named = _without_none(e, schemas, positional, named)
    positional, named = (
        tensor_lists(e, positional),
        dict(zip(named, tensor_lists(e, list(named.values())), strict=True)),
    )
    require_data(e, display, [*positional, *named.values()])
    result = e.emit_matched(match_overloads(schemas, positional, named, where=e.where(), display_name=name))
    if flag is not None:
        return tensors.with_requires_grad(e, result, flag)
    if isinstance(result, Dynamic) and getattr(obj, "__module__", None) == "math":
        known = arithmetic.fold(e, obj, *positional) if not named else None
        if known is not None:
            return Dynamic(result.value, known)
    return result


def _without_none(
    e: Emitter, schemas: tuple[Schema, ...], positional: list[Val], named: dict[str, Val]
) -> tuple[list[Val], dict[str, Val]]:
    """None where an operator's default is an empty list (`stride=None` of pooling) is that list."""

    def is_sizes(argument: Argument) -> bool:
        return isinstance(argument.type, T.ListType) and argument.default in ([], ())

    arguments = schemas[0].arguments if schemas else ()
    empty = {a.name for a in arguments if is_sizes(a)}
    if not empty:
        return positional, named
    values = [
        Dynamic(e.build_list([], None, T.INT)) if _is_none(v) and a.name in empty else v
        for v, a in zip(positional, arguments, strict=False)
    ]
    values += positional[len(values) :]
    return values, {k: v for k, v in named.items() if not (k in empty and _is_none(v))}


def gradient_flag(schemas: tuple[Schema, ...], named: dict[str, Val]) -> Val | None:
    """`requires_grad=…` of a function that makes a tensor, taken out where the operator does not know it."""
    if "requires_grad" not in named:
        return None
    if any(a.name == "requires_grad" for schema in schemas for a in schema.arguments):
        return None
    if not any(a.name == "layout" for schema in schemas for a in schema.arguments):
        return None
    return named.pop("requires_grad")


def _fold_math(e: Emitter, obj: Any, positional: list[Val], named: dict[str, Val]) -> Val | None:
    if getattr(obj, "__module__", None) not in ("math", "cmath") or named:
        return None
    if all(isinstance(v, Static) and not v.known.dependencies for v in positional):
        return fold_call(e, obj, positional, named)
    return None


def tensor_lists(e: Emitter, values: list[Val]) -> list[Val]:
    """Lists with known parts, made into lists where they are data."""
    return [
        Dynamic(e.build_list(v.items)) if isinstance(v, Sequence) and v.is_list and uniform(v) else v
        for v in values
    ]


def uniform(val: Sequence) -> bool:
    types = [type_of(i) for i in val.items]
    return (
        bool(types)
        and all(t is not None for t in types)
        and not any(isinstance(i, Module) for i in val.items)
        and (len({str(t) for t in types}) == 1 or type_of(val) is not None)
        and not val.is_mixed
    )


def require_data(e: Emitter, display: str, values: list[Val]) -> None:
    for val in values:
        if type_of(val) is None:
            if isinstance(val, Unusable):
                raise e.error(val.reason)
            if isinstance(val, Sequence | Attribute):
                e.materialize(val)
            raise e.error(f"{val.subject()} cannot be passed to '{display}'.")


def _is_none(val: Val) -> bool:
    return isinstance(val, Static) and val.object is None


def _dispatch(
    e: Emitter, choice: dict[str, Any], positional: list[Val], named: dict[str, Val], hint: T.Type | None
) -> Val:
    """`boolean_dispatch`: one of two functions, by a flag that must be known."""
    flag: Val | None = named.get(choice["arg_name"])
    if flag is None and len(positional) > choice["index"]:
        flag = positional[choice["index"]]
    if flag is None:
        value = choice["default"]
    else:
        if known_of(flag) is None:
            raise e.error(
                f"The argument '{choice['arg_name']}' must be known while compiling: it decides what is returned."
            )
        value = e.depend(flag)
    return function_calls.call_function(e, choice["if_true" if value else "if_false"], positional, named)


def call_closure(e: Emitter, callee: Closure, positional: list[Val], named: dict[str, Val]) -> Val:
    """A call of a function that is defined inside the function being compiled: compiled in place."""
    defaults, by_name = callee.defaults, callee.by_name
    source = _ClosureSource(callee)
    display = getattr(callee.tree, "name", "lambda")
    bound = binding.bind(e, source, (defaults, by_name), positional, named, display)
    given = {k: b.val for k, b in bound.items()}
    if generators.is_generator(callee.tree):
        return generators.collect(e, source, given, e.self_module, None, callee.present_scope())
    assigned = nonlocals.of_call(e, callee)
    return compilation.inline(
        e, source, given, e.self_module, None, callee.present_scope(), nonlocals=assigned
    )


def _ClosureSource(callee: Closure) -> Any:  # makes a FunctionSource
    from .sources import FunctionSource

    own = callee.source
    return FunctionSource(
        callee.tree, own.source, getattr(callee.tree, "name", "lambda"), own.names, own.globals
    )


def call_module(e: Emitter, callee: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    """`module(x)`: its forward, with its hooks."""
    module = callee.module
    if isinstance(getattr(module, "_ts_class", None), T.ClassType):
        return _call_compiled_module(e, callee, positional, named)
    callee = adopt(e, callee)
    if (
        callee.value is None
        and callee.parent is None
        and next(torch.nn.Module.parameters(module), None) is not None
    ):
        e.module_value(callee)  # which says that it is not registered
    cls = type(module)
    own_call = attributes.getattr_static(cls, "__call__")
    if own_call is not torch.nn.Module.__dict__["__call__"]:
        return call_method(e, Method(callee, "__call__", own_call), positional, named)
    if module_hooks.stay_python(e, module):
        return module_hooks.call_with_python_hooks(
            e, callee, lambda: _call_forward(e, callee, positional, named)
        )
    positional, named = module_hooks.before(e, callee, positional, named)
    return module_hooks.after(e, callee, positional, named, _call_forward(e, callee, positional, named))


def _call_forward(e: Emitter, callee: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    """Its forward alone."""
    module, cls = callee.module, type(callee.module)
    forward = module.__dict__.get("forward")
    if forward is None:
        try:
            found = attributes.getattr_static(cls, "forward")
        except AttributeError:
            raise e.error(f"The module '{cls.__qualname__}' has no forward.") from None
        if found is torch.nn.Module.__dict__.get("forward"):
            raise e.error(f"The module '{cls.__qualname__}' has no forward, so it cannot be called.")
        return call_method(e, Method(callee, "forward", found), positional, named)
    return call(e, e.static(forward), positional, named)


def _call_compiled_module(e: Emitter, callee: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    """Its forward, with the hooks that it had when it was compiled or archived; later ones run by themselves."""
    module = callee.module
    later = "_ts_forward" in module.__dict__ or module_hooks.stay_python(e, module)

    def run(hook: Any, given: list[Val]) -> Val | None:
        if getattr(hook, "is_archived", False):
            function = callee.spec.cls.methods[
                hook.name
            ]  # called as a function: no caller sees it as a method
            matched = match_overloads([function.schema], [callee, *given], {}, where=e.where())
            arguments = [e._bound(b) for b in matched.bindings[1:]]
            result = function_calls.emit_compiled_call(
                e, function, [e.module_value(callee), *arguments], None
            )
        elif later and not hasattr(hook, "compiled_in"):
            return None
        else:
            result = module_hooks.run(e, getattr(hook, "compiled_in", hook), [callee, *given])
        return None if _is_none(result) else result

    for hook in module._forward_pre_hooks.values():
        changed = run(hook, [Sequence(positional)])
        positional = positional if changed is None else module_hooks.parts(e, changed)
    output = _call_compiled_method(e, callee, "forward", positional, named)
    for hook in module._forward_hooks.values():
        changed = run(hook, [Sequence(positional), output])
        output = output if changed is None else changed
    return output


def call_method(e: Emitter, callee: Method, positional: list[Val], named: dict[str, Val]) -> Val:
    """A method of a module."""
    owner = callee.owner
    if (
        isinstance(getattr(owner.module, "_ts_class", None), T.ClassType)
        and owner.spec.cls.method(callee.name) is not None
    ):
        return _call_compiled_method(e, owner, callee.name, positional, named)
    function = callee.function
    if function is torch.nn.RNNBase.flatten_parameters:  # it moves memory that only cuDNN cares about
        return e.none()
    if isinstance(function, staticmethod):
        return function_calls.call_function(e, function.__func__, positional, named, name=callee.name)
    owner = adopt(e, owner)
    if isinstance(function, classmethod):
        function = function.__func__
    return function_calls.call_function(e, function, positional, named, owner=owner, name=callee.name)


def adopt(e: Emitter, owner: Module) -> Module:
    """A module that is not reached through self (it is in a plain list, say), found below self after all."""
    if not transient.is_transient(owner):
        return owner
    found = transient.find(e, owner)
    return found if found is not None else owner


def _call_compiled_method(
    e: Emitter, owner: Module, name: str, positional: list[Val], named: dict[str, Val]
) -> Val:
    function = owner.spec.cls.method(name)
    if function is None:
        raise e.error(f"The compiled module '{owner.spec.cls.qualified_name}' has no method '{name}'.")
    require_data(e, name, [*positional, *named.values()])
    matched = match_overloads(
        [function.schema], [owner, *positional], named, where=e.where(), display_name=name
    )
    arguments = [e._bound(b) for b in matched.bindings[1:]]
    return function_calls.emit_compiled_call(e, function, arguments, owner)
