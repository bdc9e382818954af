"""One compilation: what was compiled so far, and the rules by which functions, methods and classes are compiled.

A Python function is compiled once per types of its arguments. Arguments that are not data (functions, modules)
and values that only a constant can have (strings, flags, None where nothing is annotated) make a variant of
their own, or are compiled in place. Nothing of a compilation is kept beyond its `Program`.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
import types as python_types
import typing
import warnings
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function, Graph, Value
from ..schema import Argument, Schema
from ..schema.model import NO_DEFAULT
from . import marks, presence, transient
from .annotations import (
    NotATypeError,
    TypeResolver,
    broadcast_size,
    names_in_scope,
    qualified_name,
    split_type_comment,
)
from .emitter import Emitter, OutsideLanguageError, Scope, settled
from .modules import ModuleSpec, SpecTable
from .sources import FunctionSource, NoSourceError, function_source
from .typing_of import plain, type_of_object
from .values import (
    Attribute,
    Closure,
    Dependencies,
    Dynamic,
    Iterable,
    Mapping,
    Method,
    Module,
    Partial,
    Sequence,
    Special,
    Static,
    Val,
    known_of,
    type_of,
)

MAX_INLINE_DEPTH = 60


class UncompiledWarning(UserWarning):
    """A Python function stays a Python call; the result cannot be saved."""


class Bound(typing.NamedTuple):
    """An argument of a call after binding: its value, and whether it is the parameter's default."""

    val: Val
    is_default: bool


class Program:
    """A compilation and its caches."""

    def __init__(self, *, allow_python_calls: bool = True) -> None:
        self.allow_python_calls = allow_python_calls
        self.functions: dict[Any, Function] = {}
        self.in_progress: set[Any] = set()
        self.names: dict[str, int] = {}
        self.class_types: dict[type, T.Type] = {}
        self.outside: dict[Any, CompileError] = {}  # functions that stay Python calls, and why
        self.prefers_static: set[Any] = set()
        self.warned: set[Any] = set()  # the functions of `outside` that a warning named
        self.resolver = TypeResolver(self.class_type)
        self.specs = SpecTable(self)
        self._declared: dict[Any, dict[str, T.Type]] = {}
        self._implicit: set[tuple[ast.AST, str]] = set()  # parameters such as `x: Tensor = None`
        self._gradient_modes: dict[str, T.ClassType] = {}

    # -- Python objects ----------------------------------------------------------------------------------------

    def class_type(self, cls: type) -> T.Type | None:
        from . import classes

        return classes.class_type(self, cls)

    def class_method(self, cls: T.ClassType, name: str) -> Function | None:
        from . import classes

        return classes.method_of(self, cls, name)

    def type_of_object(self, obj: Any) -> T.Type | None:
        return type_of_object(obj, self._data_class_type)

    def _data_class_type(self, cls: type) -> T.Type | None:
        try:
            return self.class_type(cls)
        except CompileError:
            return None

    def static(self, obj: Any, dependencies: Dependencies = ()) -> Val:
        """The compile-time value of a Python object."""
        obj = plain(obj)
        if isinstance(obj, torch.nn.Module):
            return Module(obj, self.spec_of(obj), None, ())
        if isinstance(obj, python_types.MethodType) and isinstance(obj.__self__, torch.nn.Module):
            return Method(
                Module(obj.__self__, self.spec_of(obj.__self__), None, ()), obj.__name__, obj.__func__
            )
        if isinstance(obj, tuple) and self.type_of_object(obj) is None:
            return Sequence([self.static(o, dependencies) for o in obj])
        if isinstance(obj, int) and not isinstance(obj, bool) and not -(2**63) <= obj < 2**63:
            return Static(obj, None, dependencies)
        return Static(obj, self.type_of_object(obj), dependencies)

    def global_name(self, e: Emitter, name: str, node: ast.AST) -> Val:
        """A name that is not a local variable: of the closure, the module, or a builtin."""
        for names in (e.source.names, e.source.globals, vars(builtins)):
            if name in names:
                return self.static(names[name])
        known: list[str] = []
        scope: Scope | None = e.scope
        while scope is not None:
            known.extend(scope.names)
            scope = scope.parent
        known.extend(k for k in e.source.globals if not k.startswith("__"))
        close = difflib.get_close_matches(name, known, 1)
        notes = (f"Did you mean '{close[0]}'?",) if close else ()
        raise e.error(f"The name '{name}' is not defined.", node, *notes)

    def spec_of(self, module: torch.nn.Module) -> ModuleSpec:
        return self.specs.spec_of(module)

    def submodule(self, e: Emitter, owner: Module, name: str) -> Val:
        child = owner.module._modules[name]
        if child is None:
            return e.static(None)
        if transient.is_transient(owner):
            return Module(child, self.spec_of(child), None, ())
        return Module(child, self.spec_of(child), owner.root, (*owner.path, name), None, owner)

    def new_attribute(
        self, e: Emitter, owner: Module, name: str, value: Val, node: ast.AST
    ) -> T.ClassAttribute:
        """An attribute that only compiled code assigns: it is None until then."""
        type = type_of(value)
        if type is None:
            raise e.error(f"The attribute '{name}' cannot hold {value.describe()}.", node)
        attribute = T.ClassAttribute(T.optional(type))
        owner.spec.cls.attributes[name] = attribute
        owner.spec.created[name] = None
        return attribute

    def gradient_mode(self, name: str) -> T.ClassType:
        """The class of `torch.no_grad` or `torch.enable_grad` objects."""
        from . import classes

        if name not in self._gradient_modes:
            self._gradient_modes[name] = classes.gradient_mode(self, name)
        return self._gradient_modes[name]

    # -- annotations -------------------------------------------------------------------------------------------

    def evaluate_annotation(self, e: Emitter, annotation: ast.expr | str, node: ast.AST) -> T.Type:
        names = names_in_scope(e.source.globals, e.source.names)
        scope: Scope | None = e.scope
        while scope is not None:
            for key, val in scope.names.items():
                if isinstance(val, Static) and val.type is None:
                    names.setdefault(key, val.object)
            scope = scope.parent
        return self.resolver.evaluate(annotation, names, e.where(node))[0]

    def declared_types(self, source: FunctionSource) -> dict[str, T.Type]:
        """The annotated types of a function's parameters, and of its result under 'return'."""
        key = source.tree
        found = self._declared.get(key)
        if found is None:
            found = self._declared[key] = self._declare(source)
        return found

    def _declare(self, source: FunctionSource) -> dict[str, T.Type]:
        tree = source.tree
        if isinstance(tree, ast.Lambda):
            return {}
        names = names_in_scope(source.globals, source.names)
        declared: dict[str, T.Type] = {}
        arguments = [*tree.args.posonlyargs, *tree.args.args]
        if tree.type_comment is not None and "->" in tree.type_comment:
            texts, result = split_type_comment(tree.type_comment)
            own = [a.arg for a in [*arguments, *tree.args.kwonlyargs]]
            if texts is not None:
                if len(own) == len(texts) + 1:
                    own = own[1:]  # self
                if len(own) != len(texts):
                    raise CompileError(
                        f"The type comment of '{tree.name}' has {len(texts)} arguments, but the function has {len(own)}.",
                        source.span(tree),
                    )
                for name, text in zip(own, texts, strict=True):
                    declared[name] = self.resolver.evaluate(text, names, source.span(tree))[0]
            declared["return"] = self.resolver.evaluate(result, names, source.span(tree))[0]
            return declared
        nones = _default_none(tree.args)  # `x: Tensor = None` says Optional[Tensor]
        for argument in [*arguments, *tree.args.kwonlyargs]:
            annotation: Any = (
                argument.annotation if argument.annotation is not None else argument.type_comment
            )
            if annotation is not None:
                found = self._annotation(source, annotation, names, argument)
                if found is not None:
                    if argument.arg in nones and not T.NONE.is_subtype_of(found):
                        self._implicit.add((tree, argument.arg))
                        found = T.optional(found)
                    declared[argument.arg] = found
        if tree.returns is not None:
            found = self._annotation(source, tree.returns, names, tree.returns)
            if found is not None:
                declared["return"] = found
        return declared

    def _annotation(
        self, source: FunctionSource, annotation: ast.expr | str, names: dict[str, Any], node: ast.AST
    ) -> T.Type | None:
        """The type of an annotation; None for one that says nothing (Any, a callable, a module)."""
        try:
            found, value = self.resolver.evaluate(annotation, names, source.span(node))
        except NotATypeError:
            return None
        if value is typing.Any or value is list or value is object:
            return None if value is not typing.Any else T.ANY
        return found

    # -- calls ---------------------------------------------------------------------------------------------------

    def bind(
        self,
        e: Emitter,
        source: FunctionSource,
        defaults: tuple[tuple[Any, ...], dict[str, Any]],
        positional: list[Val],
        named: dict[str, Val],
        display: str,
    ) -> dict[str, Bound]:
        """Give every parameter its argument, as Python does."""
        args = source.tree.args
        names = [a.arg for a in [*args.posonlyargs, *args.args]]
        bound: dict[str, Bound] = {}
        extra: list[Val] = []
        for index, val in enumerate(positional):
            if index < len(names):
                bound[names[index]] = Bound(val, False)
            elif args.vararg is not None:
                extra.append(val)
            else:
                raise e.error(
                    f"'{display}' takes {len(names)} positional arguments, but {len(positional)} are given."
                )
        keyword_only = [a.arg for a in args.kwonlyargs]
        others: dict[str, Val] = {}
        for name, val in named.items():
            if name in bound:
                raise e.error(f"'{display}' gets the argument '{name}' twice.")
            if name in names or name in keyword_only:
                bound[name] = Bound(val, False)
            elif args.kwarg is not None:
                others[name] = val
            else:
                known = [*names, *keyword_only]
                raise e.error(f"'{display}' has no argument '{name}'; it has {', '.join(known)}.")
        by_position, by_name = defaults
        first_default = len(names) - len(by_position)
        missing = []
        for index, name in enumerate(names):
            if name not in bound:
                if index >= first_default:
                    bound[name] = Bound(self._default(by_position[index - first_default]), True)
                else:
                    missing.append(name)
        for name in keyword_only:
            if name not in bound:
                if name in by_name:
                    bound[name] = Bound(self._default(by_name[name]), True)
                else:
                    missing.append(name)
        if missing:
            raise e.error(f"'{display}' is called without {', '.join(repr(m) for m in missing)}.")
        ordered = {n: bound[n] for n in names}
        if args.vararg is not None:
            ordered[args.vararg.arg] = Bound(Sequence(extra), not extra)
        for name in keyword_only:
            ordered[name] = bound[name]
        if args.kwarg is not None:
            ordered[args.kwarg.arg] = Bound(Mapping(dict(others)), not others)
        return ordered

    def _default(self, value: Any) -> Val:
        return value if isinstance(value, Val) else self.static(value)

    def call_function(
        self,
        e: Emitter,
        function: Any,
        positional: list[Val],
        named: dict[str, Val],
        *,
        owner: Module | None = None,
        name: str | None = None,
    ) -> Val:
        """Call a Python function, or a method of a module (`owner`), compiled for these arguments."""
        mark = marks.modifier_of(function)
        display = name or str(getattr(function, "__name__", "function"))
        if mark == "unused":
            return self._unused(e, function, display)
        if mark == "ignore" or mark == "drop":
            return self.python_call(e, function, positional, named, owner, display, f"it is marked @{mark}")
        if function in self.outside:
            return self.python_call(
                e, function, positional, named, owner, display, self.outside[function].message
            )
        from . import contexts

        function = marks.unwrap(function)
        decorated = contexts.gradient_decorator(function)
        if decorated is not None:
            manager = contexts.enter_gradient_mode(e, decorated.manager)
            result = self.call_function(e, decorated.function, positional, named, owner=owner, name=name)
            contexts.exit_gradient_mode(e, manager)
            return result
        try:
            source = function_source(function)
        except NoSourceError as error:
            if not self.allow_python_calls:
                raise
            self.outside[function] = error
            return self.python_call(e, function, positional, named, owner, display, error.message)
        except OutsideLanguageError as error:
            self.outside[function] = error
            return self.python_call(e, function, positional, named, owner, display, error.message)
        defaults = (function.__defaults__ or (), function.__kwdefaults__ or {})
        arguments = [owner, *positional] if owner is not None else positional
        bound = self.bind(e, source, defaults, arguments, named, display)
        try:
            return self._call_bound(e, function, source, bound, owner, display)
        except OutsideLanguageError as error:
            if not self.allow_python_calls or e.no_python_calls:
                raise
            self.outside[function] = error
            return self.python_call(e, function, positional, named, owner, display, error.message, error)
        except CompileError as error:
            error.called_from(display, e.where())
            raise

    def _call_bound(
        self,
        e: Emitter,
        function: Any,
        source: FunctionSource,
        bound: dict[str, Bound],
        owner: Module | None,
        display: str,
    ) -> Val:
        declared = {**self.declared_types(source), **self._overload(function, bound)}
        if self._must_inline(e, source, bound, declared):
            return self.inline(e, source, {k: b.val for k, b in bound.items()}, owner, function)
        static_first = function in self.prefers_static
        attempts = [True] if static_first else [False, True]
        first_error: CompileError | None = None
        previous: dict[str, Any] | None = None
        for all_static in attempts:
            modes = self._modes(e, bound, declared, owner, all_static, function)
            if all_static and first_error is not None and modes == previous:
                break
            previous = modes
            try:
                compiled, dynamic = self._variant(e, function, source, bound, modes, owner, display)
            except OutsideLanguageError:
                raise
            except CompileError as error:
                if first_error is None:
                    first_error = error
                continue
            if all_static:
                self.prefers_static.add(function)
            return self.emit_compiled_call(e, compiled, dynamic, owner)
        assert first_error is not None
        raise first_error

    def _overload(self, function: Any, bound: dict[str, Bound]) -> dict[str, T.Type]:
        """The parameters' types by the first signature that a library declared and that takes these arguments."""
        for signature in marks.overloads_of(function):
            try:
                declared = self.declared_types(function_source(signature))
            except CompileError:
                continue
            wanted = {name: type for name, type in declared.items() if name in bound}
            given = {name: type_of(bound[name].val) for name in wanted}
            if all(type is None or fits(type, wanted[name]) for name, type in given.items()):
                return wanted
        return {}

    def _must_inline(
        self, e: Emitter, source: FunctionSource, bound: dict[str, Bound], declared: dict[str, T.Type]
    ) -> bool:
        if any(isinstance(v, torch.nn.Module) for v in source.names.values()):
            return True  # what it closes over is found through the caller's self
        args = source.tree.args
        for name, (val, is_default) in bound.items():
            if (args.vararg is not None and name == args.vararg.arg) or (
                args.kwarg is not None and name == args.kwarg.arg
            ):
                if not is_default:
                    return True
                continue
            if isinstance(val, Closure | Method | Partial | Special | Iterable | Mapping):
                return True
            if isinstance(val, Sequence) and type_of(val) is None:
                return True
            if isinstance(val, Module) and val.value is None and val.parent is None:
                return True
            if isinstance(val, Static | Attribute) and val.type is None and not isinstance(val, Static):
                return True
        return False

    def _modes(
        self,
        e: Emitter,
        bound: dict[str, Bound],
        declared: dict[str, T.Type],
        owner: Module | None,
        all_static: bool,
        function: Any,
    ) -> dict[str, Any]:
        """For each parameter: a static type (passed at run time), or the known object (compiled in)."""
        modes: dict[str, Any] = {}
        for name, (val, is_default) in bound.items():
            annotated = declared.get(name)
            if isinstance(val, Module):
                modes[name] = ("module", val.spec, val.root if val.value is None else None, val.path)
                continue
            type = type_of(val)
            known = known_of(val)
            if isinstance(val, Mapping):
                modes[name] = ("static", Mapping({}))
                continue
            if isinstance(val, Sequence) and is_default and not val.items:
                modes[name] = ("static", ())
                continue
            if type is None:
                modes[name] = ("static", _Identity(known.object if known is not None else val))
                continue
            if known is not None and not isinstance(known.object, torch.Tensor):
                constant_only = isinstance(
                    type, T.StringType | T.BoolType | T.NoneType | T.DtypeType | T.LayoutType
                )
                if all_static or (annotated is None and (constant_only or is_default)):
                    try:
                        hash(known.object)
                        modes[name] = ("static", known.object, builtins.type(known.object))
                        continue
                    except TypeError:
                        pass
            if annotated is not None and not isinstance(annotated, T.AnyType):
                if not T.NONE.is_subtype_of(annotated) and presence.may_be_none(e, val):
                    annotated = T.optional(annotated)  # eager mode does not read annotations
                if not fits(type, annotated) and marks.is_overloaded(function):
                    annotated = settled(type)
                modes[name] = ("typed", annotated)
            else:
                modes[name] = ("typed", settled(type))
        return modes

    def _variant(
        self,
        e: Emitter,
        function: Any,
        source: FunctionSource,
        bound: dict[str, Bound],
        modes: dict[str, Any],
        owner: Module | None,
        display: str,
    ) -> tuple[Function, list[Value]]:
        """The function compiled for these modes, and the values to pass."""
        arguments: list[Value] = []
        for name, mode in modes.items():
            val = bound[name].val
            if mode[0] == "module":
                if owner is None or val is not owner:
                    arguments.append(e.module_value(val))  # type: ignore[arg-type]
            elif mode[0] == "typed":
                val = self._broadcast(e, source, name, val, mode[1])
                arguments.append(e.coerce(val, mode[1], None, f"the argument '{name}' of '{display}'"))
            elif isinstance(val, Static | Attribute | Dynamic | Sequence) and known_of(val) is not None:
                e.depend(val)
        key = (function, owner.spec if owner is not None else None, tuple(modes.items()))
        found = self.functions.get(key)
        if found is None:
            if key in self.in_progress:
                raise e.unsupported(
                    f"'{display}' calls itself; a recursive function cannot be compiled.",
                    None,
                    "Write it as a loop.",
                )
            self.in_progress.add(key)
            try:
                found = self.compile(function, source, modes, bound, owner, display)
            finally:
                self.in_progress.discard(key)
            self.functions[key] = found
        return found, arguments

    def _broadcast(self, e: Emitter, source: FunctionSource, name: str, val: Val, type: T.Type) -> Val:
        """One number where `BroadcastingListN` asks for N of it."""
        own = type_of(val)
        if (
            not isinstance(type, T.ListType)
            or not isinstance(own, T.IntType | T.FloatType)
            or isinstance(source.tree, ast.Lambda)
        ):
            return val
        for argument in source.tree.args.args:
            if argument.arg == name:
                size = broadcast_size(argument.annotation or argument.type_comment)
                if size is not None:
                    return Dynamic(e.build_list([val] * size, element=type.element))
        return val

    def emit_compiled_call(
        self, e: Emitter, function: Function, arguments: list[Value], owner: Module | None
    ) -> Val:
        result = function.schema.return_type
        if owner is not None:
            place = e.module_value(owner)
            node = e.emit("prim::CallMethod", [place, *arguments], [result], {"name": function.name})
        else:
            reference = e.emit(
                "prim::Constant", [], [T.FUNCTION], {"name": function.name, "function": function}
            ).output
            node = e.emit("prim::CallFunction", [reference, *arguments], [result], {"function": function})
        return e.none() if isinstance(result, T.NoneType) else Dynamic(node.output)

    # -- compiling -----------------------------------------------------------------------------------------------

    def unique_name(self, name: str) -> str:
        """`name`, mangled as PyTorch mangles if it is taken."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        if count == 0:
            return name
        prefix, _, last = name.rpartition(".")
        return f"{prefix}.___torch_mangle_{count - 1}.{last}"

    def compile(
        self,
        function: Any,
        source: FunctionSource,
        modes: dict[str, Any],
        bound: dict[str, Bound],
        owner: Module | None,
        display: str,
        defaults: dict[str, Any] | None = None,
        managers: list[type] | None = None,
    ) -> Function:
        """Compile one variant of a function or method into a graph of its own, which runs under the `managers`."""
        from . import contexts

        tree = source.tree
        spec = owner.spec if owner is not None else None
        if spec is not None:
            name = spec.method_name(display)
            qualified = f"{spec.cls.qualified_name}.{name}"
        else:
            qualified = self.unique_name(qualified_name(function))
        graph = Graph(display)
        e = Emitter(self, source, graph)
        e.owner_class = marks.defining_class(function, type(owner.module) if owner is not None else None)
        declared = self.declared_types(source)
        e.return_type = declared.get("return")
        if isinstance(e.return_type, T.AnyType):
            e.return_type = None
        arguments: list[Argument] = []
        if spec is not None:
            value = graph.block.add_parameter(spec.cls, "self")
            arguments.append(Argument("self", spec.cls))
            assert owner is not None
            e.self_module = Module(spec.module, spec, spec, (), value)
        first = True
        for parameter, mode in modes.items():
            if spec is not None and first and mode[0] == "module":
                first = False
                assert e.self_module is not None
                e.scope.set(parameter, e.self_module)
                continue
            first = False
            if mode[0] == "module":
                val = bound[parameter].val
                assert isinstance(val, Module)
                value = graph.block.add_parameter(val.spec.cls, parameter)
                arguments.append(Argument(parameter, val.spec.cls))
                e.scope.set(parameter, Module(val.module, val.spec, val.root, val.path, value))
            elif mode[0] == "typed":
                value = graph.block.add_parameter(mode[1], parameter)
                default = defaults.get(parameter, NO_DEFAULT) if defaults is not None else NO_DEFAULT
                arguments.append(Argument(parameter, mode[1], default))
                loose = isinstance(mode[1], T.OptionalType) and declared.get(parameter) != mode[1]
                if loose or (tree, parameter) in self._implicit:
                    e.guessed.add(id(value))
                e.scope.set(parameter, Dynamic(value))
            else:
                e.scope.set(parameter, self._compiled_in(bound[parameter].val))
        entered = [contexts.enter_gradient_mode(e, m) for m in managers or ()]
        result = self.run_body(e, tree)
        output = self._result(e, result, declared)
        for manager in reversed(entered):
            contexts.exit_gradient_mode(e, manager)
        graph.block.add_output(output)
        finish(graph)
        schema = Schema(qualified, "", tuple(arguments), (Argument("", graph.outputs[0].type),))
        compiled = Function(qualified, graph, schema, python_function=function, source=source.span(tree))
        if spec is not None:
            spec.cls.methods[compiled.name] = compiled
        return compiled

    def _compiled_in(self, val: Val) -> Val:
        """An argument whose value is part of the compiled function, without the caller's SSA values."""
        known = known_of(val)
        if known is None or not isinstance(val, Attribute | Dynamic | Sequence):
            return val
        return self.static(known.object)

    def _result(self, e: Emitter, result: Val, declared: dict[str, T.Type]) -> Value:
        tree = e.source.tree
        e.node = tree
        if e.return_type is not None:
            where = next((n for n in ast.walk(tree) if isinstance(n, ast.Return)), tree)
            if (
                isinstance(result, Static)
                and result.object is None
                and not T.NONE.is_subtype_of(e.return_type)
            ):
                if not any(isinstance(n, ast.Return) for n in ast.walk(tree)):
                    return e.emit("prim::Uninitialized", [], [e.return_type]).output  # it only raises
            return e.coerce(result, e.return_type, where, "the returned value")
        if isinstance(result, Sequence) and not result.is_list and result.named is None:
            result = Sequence(result.items)
        return e.materialize(result, next((n for n in ast.walk(tree) if isinstance(n, ast.Return)), tree))

    def run_body(self, e: Emitter, tree: ast.FunctionDef | ast.Lambda) -> Val:
        """Compile a function's body; the value it returns."""
        from . import expressions, statements
        from .control import Outcome, emit_if, run_steps

        if isinstance(tree, ast.Lambda):
            return expressions.emit(e, tree.body)
        outcome: Outcome = run_steps(e, [lambda: statements.run_body(e, tree.body)])
        if outcome.returns is True:
            assert outcome.value is not None
            return outcome.value
        if outcome.returns is False:
            return e.none()
        flag, value = outcome.returns, outcome.value
        assert value is not None
        e.pending_rest = ()
        joined = emit_if(
            e,
            flag,
            lambda: Outcome(returns=True, value=value, where=outcome.where),
            lambda: Outcome(returns=True, value=e.none(), where=outcome.where),
        )
        assert joined.value is not None
        return joined.value

    def inline(
        self,
        e: Emitter,
        source: FunctionSource,
        names: dict[str, Val],
        owner: Module | None = None,
        function: Any = None,
        scope: Scope | None = None,
    ) -> Val:
        """Compile a function's body in place of its call."""
        if e.depth >= MAX_INLINE_DEPTH:
            raise e.unsupported("Calls are nested too deeply; a recursive function cannot be compiled.")
        inner = Emitter(self, source, e.graph, Scope(scope))
        inner.block = e.block
        inner.depth = e.depth + 1
        inner.no_python_calls = e.no_python_calls
        inner.guessed = e.guessed
        inner.self_module = owner if owner is not None else e.self_module
        inner.owner_class = (
            marks.defining_class(function, type(owner.module)) if owner is not None else e.owner_class
        )
        if source.source.filename != e.source.source.filename or e.call_site is not None:
            inner.call_site = e.here
        declared = self.declared_types(source)
        inner.return_type = (
            declared.get("return") if not isinstance(declared.get("return"), T.AnyType) else None
        )
        for name, val in names.items():
            annotated = declared.get(name)
            if (
                annotated is not None
                and type_of(val) is not None
                and not isinstance(annotated, T.AnyType | T.ClassType)
            ):
                if known_of(val) is None and not isinstance(val, Sequence):
                    val = Dynamic(e.coerce(val, annotated, None, f"the argument '{name}'"))
            inner.scope.set(name, val)
        result = self.run_body(inner, source.tree)
        if inner.return_type is not None and type_of(result) is not None and known_of(result) is None:
            result = Dynamic(inner.coerce(result, inner.return_type, source.tree, "the returned value"))
        e.block = inner.block
        return result

    # -- what stays Python ---------------------------------------------------------------------------------------

    def _unused(self, e: Emitter, function: Any, display: str) -> Val:
        from .statements import raise_error

        raise_error(
            e, RuntimeError, e.static(f"'{display}' is marked unused: it cannot run in compiled code.")
        )
        try:
            declared = self.declared_types(function_source(marks.unwrap(function)))
        except CompileError:
            declared = {}
        type = declared.get("return", T.TENSOR)
        if isinstance(type, T.NoneType):
            return e.none()
        return Dynamic(e.emit("prim::Uninitialized", [], [type]).output)

    def python_call(
        self,
        e: Emitter,
        function: Any,
        positional: list[Val],
        named: dict[str, Val],
        owner: Module | None,
        display: str,
        reason: str,
        error: CompileError | None = None,
    ) -> Val:
        """Emit a call of a Python function that stays one; one warning names it."""
        if not self.allow_python_calls:
            raise e.unsupported(f"'{display}' cannot be compiled ({reason.rstrip('.')}).") from error
        arguments = [e.module_value(owner)] if owner is not None else []
        if owner is not None:
            arguments = [e.materialize(owner)]
        arguments.extend(e.materialize(v) for v in positional)
        arguments.extend(e.materialize(v) for v in named.values())
        try:
            declared = self.declared_types(function_source(marks.unwrap(function)))
        except CompileError:
            declared = {}
        result = declared.get("return", T.TENSOR)
        if function not in self.warned:
            self.warned.add(function)
            warnings.warn(
                f"'{display}' stays a Python call: {reason.rstrip('.')}. It runs in this process, but what calls it "
                f"cannot be saved.\n{e.where().show()}",
                UncompiledWarning,
                stacklevel=2,
            )
        node = e.emit(
            "prim::PythonCall",
            arguments,
            [] if isinstance(result, T.NoneType) else [result],
            {"callable": function, "name": display, "keywords": tuple(named), "reason": reason},
        )
        return Dynamic(node.output) if node.outputs else e.none()


def _default_none(args: ast.arguments) -> set[str]:
    """The parameters whose default is None."""
    ordered = [*args.posonlyargs, *args.args]
    pairs = [*zip(ordered[len(ordered) - len(args.defaults) :], args.defaults, strict=True)]
    pairs.extend((a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None)
    return {a.arg for a, d in pairs if isinstance(d, ast.Constant) and d.value is None}


def fits(own: T.Type, wanted: T.Type) -> bool:
    """Whether a value of one type can be passed where another is annotated, by conversion if need be."""
    own = settled(own)
    if own.is_subtype_of(wanted):
        return True
    if isinstance(wanted, T.OptionalType):
        return fits(own, wanted.element)
    if isinstance(wanted, T.FloatType):
        return isinstance(own, T.IntType)
    if isinstance(wanted, T.ListType):
        if isinstance(own, T.ListType):
            return (
                fits(own.element, wanted.element) and not isinstance(own.element, T.IntType)
            ) or own == wanted
        return isinstance(own, T.TupleType) and all(fits(t, wanted.element) for t in own.elements)
    if isinstance(wanted, T.TupleType) and isinstance(own, T.TupleType):
        return len(own.elements) == len(wanted.elements) and all(
            fits(a, b) for a, b in zip(own.elements, wanted.elements, strict=True)
        )
    return False


class _Identity:
    """A Python object as a key, by identity."""

    __slots__ = ("object",)

    def __init__(self, obj: Any) -> None:
        self.object = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.object is self.object

    def __hash__(self) -> int:
        return id(self.object)


def finish(graph: Graph) -> None:
    """Settle open list types and drop what nobody reads."""
    from ..passes import eliminate_dead_code, hoist_attributes, pool_constants

    def settle(value: Value) -> None:
        if value.type.contained or isinstance(value.type, T.PendingType):
            value.type = settled(value.type)

    for parameter in graph.block.parameters:
        settle(parameter)
    for node in graph.all_nodes():
        for value in node.outputs:
            settle(value)
        for block in node.blocks:
            for parameter in block.parameters:
                settle(parameter)
    eliminate_dead_code(graph)
    hoist_attributes(graph)
    pool_constants(graph)


def compile_entry(
    program: Program,
    function: Callable[..., Any],
    owner: Module | None = None,
    examples: dict[str, T.Type] | None = None,
    *,
    is_static: bool = False,
) -> Function:
    """Compile a function (or a method of `owner`, static or not) by what its own annotations and defaults say."""
    from . import contexts

    function = marks.unwrap(function)
    managers: list[type] = []
    while (decorated := contexts.gradient_decorator(function)) is not None:
        managers.append(decorated.manager)
        function = marks.unwrap(decorated.function)
    source = function_source(function)
    declared = program.declared_types(source)
    for signature_of in marks.overloads_of(function)[:1]:  # the first is the one that is meant by default
        declared = {**declared, **program.declared_types(function_source(signature_of))}
    tree = source.tree
    display = getattr(tree, "name", "lambda")
    defaults: dict[str, Any] = {}
    signature = inspect.signature(function)
    modes: dict[str, Any] = {}
    bound: dict[str, Bound] = {}
    if owner is not None and is_static:
        name = "self" if "self" not in signature.parameters else "self_"
        modes[name] = ("module", owner.spec, None, ())
        bound[name] = Bound(owner, False)
    for index, parameter in enumerate(signature.parameters.values()):
        name = parameter.name
        if index == 0 and owner is not None and not is_static:
            modes[name] = ("module", owner.spec, None, ())
            bound[name] = Bound(owner, False)
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            bound[name] = Bound(Sequence([]), True)
            modes[name] = ("static", ())
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound[name] = Bound(Mapping({}), True)
            modes[name] = ("static", ())
            continue
        type = declared.get(name)
        default = plain(parameter.default)
        has_default = parameter.default is not inspect.Parameter.empty
        if examples is not None and name in examples and type is None:
            type = examples[name]
        if type is None and has_default:
            own = program.type_of_object(default)
            if isinstance(own, T.NoneType):
                type = T.OptionalType(T.TENSOR)
            elif own is not None:
                type = own
            else:
                bound[name] = Bound(program.static(default), True)
                modes[name] = ("static", _Identity(default))
                continue
        if type is None or (isinstance(type, T.AnyType) and name not in declared):
            type = T.TENSOR
        modes[name] = ("typed", type)
        if has_default:
            if isinstance(type, T.FloatType) and isinstance(default, int) and not isinstance(default, bool):
                default = float(default)
            defaults[name] = default
    key = (function, owner.spec if owner is not None else None, tuple(modes.items()), *managers)
    known = program.functions.get(key)
    if known is not None:
        return known
    program.in_progress.add(key)
    try:
        compiled = program.compile(function, source, modes, bound, owner, display, defaults, managers)
    finally:
        program.in_progress.discard(key)
    program.functions[key] = compiled
    return compiled
