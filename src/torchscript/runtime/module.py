"""A compiled module as users hold it: an `nn.Module` whose methods are compiled.

Every `ClassType` gets a Python class. Compiled methods stand on it twice: `_ts_forward` is the bare code, which
other compiled code calls, and `forward` is a `ScriptMethod`, which checks its arguments first.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Mapping
from types import CodeType
from typing import Any

import torch

from .. import types as T
from ..errors import ArgumentError, Error
from ..ir.graph import Function, Graph
from ..ir.uncompiled import Uncompiled, uncompiled_in
from ..tracing import state
from . import hooks
from .arguments import Signature
from .first_call import retype
from .function import Compiled
from .linking import LINKER
from .tuned import guarded

ARCHIVE_CLASS = "_ts_archive_class"
"""In the `__dict__` of a module that was made for one machine: the class that it is saved as."""


class ScriptMethod(Compiled):
    """A compiled method of a module, bound to it."""

    __slots__ = ("_entry", "_ts_function", "owner")

    def __init__(self, owner: torch.nn.Module, entry: Entry) -> None:
        self.owner = owner
        self._entry = entry
        self._ts_function = entry.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._entry.call(self.owner, args, kwargs)

    def __repr__(self) -> str:
        return f"<torchscript.ScriptMethod {self._ts_function.name}>"

    @property
    def __name__(self) -> str:
        return self._ts_function.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self._entry.signature.for_python()

    @property
    def __wrapped__(self) -> Any:
        """The Python function that runs: `inspect.getsource` finds the source there."""
        return getattr(self.owner, f"_ts_{self._ts_function.name}")

    @property
    def __code__(self) -> CodeType:
        """torch.export names file and line in its messages."""
        code: CodeType = self.__wrapped__.__code__
        return code


class Entry:
    """A compiled method on its Python class, for callers in Python."""

    def __init__(self, function: Function, guessed: bool = False) -> None:
        self.function = function
        self.guessed = guessed  # whether Python is run where the arguments do not fit
        self._signature: Signature | None = None
        self.__doc__ = getattr(function.python_function, "__doc__", None)

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:  # FX and others ask the class for a function
            return getattr(cls, f"_ts_{self.function.name}")
        return ScriptMethod(owner, self)

    @property
    def signature(self) -> Signature:
        if self._signature is None:
            self._signature = Signature(self.function, 1)
        return self._signature

    def call(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if torch.compiler.is_compiling():
            from .readiness import make_ready

            make_ready(type(owner))
        try:
            signature = self._signature or self.signature
            values = signature.bind(args, kwargs)
        except ArgumentError:
            if self.function.name == "forward" and retype(owner, args, kwargs):
                return owner.forward(*args)
            if self.guessed and self.function.python_function is not None:
                return self.function.python_function(owner, *args, **kwargs)
            raise
        if signature.has_sets:
            return signature.run(lambda *v: self._run(owner, v), values)
        return self._run(owner, values)

    def _run(self, owner: Any, values: tuple[Any, ...]) -> Any:
        recorder = state.current()
        code = getattr(type(owner), f"_ts_{self.function.name}")
        if recorder is not None:
            return recorder.call_script_method(owner, self.function, code.__get__(owner), values, {})
        importer = getattr(self.function, "importer", None)
        if importer is None or torch.compiler.is_compiling():
            return code(owner, *values)
        try:
            return code(owner, *values)
        except Exception as error:
            from ..archive.original_code import add_original_lines

            add_original_lines(error, importer)
            raise


class _Raw:
    """The bare code of a method, compiled to Python on first use."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __get__(self, owner: Any, cls: type) -> Any:
        code = guarded(self.function, LINKER.function(self.function))
        name = f"_ts_{self.function.name}"
        for base in cls.__mro__:
            if base.__dict__.get(name) is self:
                setattr(base, name, code)
                break
        return code if owner is None else code.__get__(owner, cls)


class ScriptMeta(type(torch.nn.Module)):  # type: ignore[misc]  # the metaclass of nn.Module
    """Compiles the `script_method`s of a subclass of ScriptModule when `__init__` is done."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        module = super().__call__(*args, **kwargs)
        from . import api, compiling

        if api.enabled() and "_ts_class" not in cls.__dict__ and _has_script_methods(cls):
            compiling.compile_script_module(module)
        return module


def _has_script_methods(cls: type) -> bool:
    return any(
        getattr(v, "_ts_script_method", False)
        for base in cls.__mro__
        if base is not object
        for v in vars(base).values()
    )


def _registering(name: str) -> Any:
    """nn.Module's method of that name, after which compiled callers see to the module's hooks."""
    method = getattr(torch.nn.Module, name)

    @functools.wraps(method)
    def register(self: ScriptModule, *args: Any, **kwargs: Any) -> Any:
        handle = method(self, *args, **kwargs)
        self._watch_hooks()
        return handle

    return register


class ScriptModule(torch.nn.Module, metaclass=ScriptMeta):
    """A module whose methods are compiled.

    Subclass it and mark methods with `script_method`, or get one from `script`, `trace` or `load`. `optimize` is
    accepted for old code.
    """

    def __init__(self, optimize: bool | None = None) -> None:
        super().__init__()

    # -- what compiled code is -----------------------------------------------------------------------------------

    def _method(self, name: str) -> ScriptMethod:
        found = inspect.getattr_static(type(self), name, None)
        if not isinstance(found, Entry):
            raise AttributeError(f"'{type(self).__name__}' has no compiled method '{name}'")
        return ScriptMethod(self, found)

    @property
    def graph(self) -> Graph:
        """The graph of `forward`."""
        return self._method("forward").graph

    @property
    def inlined_graph(self) -> Graph:
        """The graph of `forward` with everything it calls in place."""
        return self._method("forward").inlined_graph

    @property
    def code(self) -> str:
        """`forward` as the source that an archive holds."""
        return self._method("forward").code

    @property
    def code_with_constants(self) -> tuple[str, Any]:
        return self._method("forward").code_with_constants

    @property
    def schema(self) -> Any:
        return self._method("forward").schema

    def graph_for(self, *args: Any, **kwargs: Any) -> Graph:
        return self.inlined_graph

    @property
    def original_name(self) -> str:
        """The name of the Python class that this module was made from."""
        cls = getattr(type(self), "_ts_class", None)
        if isinstance(cls, T.ClassType):
            return (
                cls.python_class.__name__
                if cls.python_class is not None
                else cls.qualified_name.rpartition(".")[2]
            )
        return str(type(self).__name__)

    def uncompiled(self) -> list[Uncompiled]:
        """What stays a Python call in this module and below it, with the reasons; see `script(…, fallback=True)`."""
        cls = getattr(type(self), "_ts_class", None)
        return uncompiled_in(cls) if isinstance(cls, T.ClassType) else []

    # -- saving --------------------------------------------------------------------------------------------------

    def save(self, f: Any, _extra_files: Mapping[str, str | bytes] | None = None) -> None:
        """Write the module as an archive that `torchscript.load`, PyTorch and C++ read."""
        from ..archive.writer import save

        save(self, f, extra_files=_extra_files)

    def _ts_as_saved(self) -> ScriptModule:
        """The module that an archive of this one holds: itself, if it was not made for one machine."""
        cls = self.__dict__.get(ARCHIVE_CLASS)
        if cls is None:
            return self
        saved = make_module(
            cls, {name: getattr(self, name) for name in cls.attributes if hasattr(self, name)}
        )
        saved.training = self.training
        return saved

    def save_to_buffer(self, _extra_files: Mapping[str, str | bytes] | None = None) -> bytes:
        """The archive as bytes."""
        from ..archive.writer import save_to_buffer

        return save_to_buffer(self, extra_files=_extra_files)

    # -- nn.Module -----------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        cls = getattr(type(self), "_ts_class", None)
        if isinstance(cls, T.ClassType) and name in cls.constants and "_ts_ready" in self.__dict__:
            from ..frontend.values import same

            if not same(cls.constants[name], value):
                raise Error(
                    f"'{name}' of {self.original_name} was compiled in as the constant {cls.constants[name]!r}; "
                    f"set it before the module is compiled, or compile again."
                )
        if isinstance(cls, T.ClassType) and name in self.__dict__.get("_modules", ()):
            _check_replacement(self, cls, name, value)
        previous = self.__dict__.get("_parameters", {}).get(name)
        super().__setattr__(name, value)
        weights = self.__dict__.get("_flat_weights")
        if previous is not None and previous is not value and isinstance(weights, list):
            # the code of nn.LSTM and its like reads the parameters there; nn.RNNBase keeps it so, too
            self.__dict__["_flat_weights"] = [value if w is previous else w for w in weights]

    def __getattr__(self, name: str) -> Any:
        """Methods and class attributes of the Python class, for what stays Python."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            cls = getattr(type(self), "_ts_class", None)
            python = cls.python_class if isinstance(cls, T.ClassType) else None
            found = inspect.getattr_static(python, name, None) if python is not None else None
            if found is None or name.startswith("__") or "_ts_ready" not in self.__dict__:
                raise
            if isinstance(found, property):
                return found.fget(self) if found.fget is not None else None
            return found.__get__(self, type(self)) if hasattr(found, "__get__") else found

    register_forward_hook = _registering("register_forward_hook")
    register_forward_pre_hook = _registering("register_forward_pre_hook")
    register_full_backward_hook = _registering("register_full_backward_hook")
    register_full_backward_pre_hook = _registering("register_full_backward_pre_hook")

    def _watch_hooks(self) -> None:
        """Make compiled callers run hooks that were registered after compiling."""
        cls = getattr(type(self), "_ts_class", None)
        if isinstance(cls, T.ClassType) and "forward" in cls.methods:
            self.__dict__["_ts_forward"] = hooks.entry_from_compiled(self, cls)
            Changes.count += 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        for key, value in self.__dict__.items():
            new.__dict__[key] = copy.deepcopy(value, memo)
        if "_ts_forward" in new.__dict__:
            new._watch_hooks()
        return new

    def __copy__(self) -> Any:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        for table in ("_parameters", "_buffers", "_modules"):
            new.__dict__[table] = self.__dict__[table].copy()
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        if isinstance(getattr(type(self), "_ts_class", None), T.ClassType):
            return (_unpickle, (self.save_to_buffer(), self.training))
        return super().__reduce_ex__(protocol)

    def _get_name(self) -> str:
        return str(type(self).__name__)

    def extra_repr(self) -> str:
        return f"original_name={self.original_name}"


def _unpickle(data: bytes, training: bool) -> Any:
    from .api import load

    # Whoever unpickles trusts the pickle already.
    return load(data, allow_io=True)


class RecursiveScriptModule(ScriptModule):
    """What `script`, `trace` and `load` return for modules."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Any:
        return iter(self._modules.values()) if not self._is_dict() else iter(self._modules)

    def __contains__(self, key: Any) -> bool:
        return key in self._modules

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._modules[key]
        values = list(self._modules.values())
        return values[key]

    def __bool__(self) -> bool:
        return True

    def keys(self) -> Any:
        return self._modules.keys()

    def items(self) -> Any:
        return self._modules.items()

    def values(self) -> Any:
        return self._modules.values()

    def _is_dict(self) -> bool:
        cls = getattr(type(self), "_ts_class", None)
        python = cls.python_class if isinstance(cls, T.ClassType) else None
        return python is not None and issubclass(python, torch.nn.ModuleDict)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise Error(
            f"'{self.original_name}' has no compiled forward: nothing that was compiled calls it. Call the module "
            "that contains it."
        )


class TopLevelTracedModule(RecursiveScriptModule):
    """What `trace` returns for modules."""


_METHODS_OF_DICTS = frozenset(
    {"keys", "items", "values"}
)  # which no other module has: its own attributes win

_REGISTERED = (T.AttributeKind.MODULE, T.AttributeKind.PARAMETER, T.AttributeKind.BUFFER)


class Changes:
    """How often a compiled module got another submodule or a hook in this process: native code has to look again."""

    count = 0


def _check_replacement(module: ScriptModule, cls: T.ClassType, name: str, value: Any) -> None:
    """Refuse another submodule than compiled code can call."""
    declared = cls.attributes.get(name)
    given = getattr(type(value), "_ts_class", None)
    if declared is None or "_ts_ready" not in module.__dict__ or value is module._modules[name]:
        return
    what = f"the submodule '{name}' of {module.original_name}"
    present = getattr(module._modules[name], "original_name", "module")
    if not isinstance(given, T.ClassType):
        raise Error(
            f"{what} is called by compiled code, which cannot call {'None' if value is None else type(value).__name__}. "
            "Compile the module that is to take its place first: torchscript.script(module)."
        )
    if isinstance(declared.type, T.InterfaceType):
        lacking = declared.type.lacking(given)
        if lacking is not None:
            interface = declared.type.qualified_name.rpartition(".")[2]
            raise Error(
                f"{what} has the interface '{interface}', which {value.original_name} does not implement: {lacking}."
            )
    elif given is not declared.type:
        raise Error(
            f"{what} cannot be replaced: the code that calls it was compiled for the {present} "
            "that is there. Replace it before compiling, or annotate it with an interface: the class body says "
            f"'{name}: MyInterface', and MyInterface is a Module with signatures, marked with torchscript.interface."
        )
    Changes.count += 1


def _registered(module: ScriptModule, name: str) -> Any:
    return torch.nn.Module.__getattr__(module, name)


_OWN_METHODS = frozenset(dir(torch.nn.Module)) - {"forward", "__call__", "__init__"}


def runtime_class(cls: T.ClassType, base: type = RecursiveScriptModule, *extra: type) -> type:
    """The Python class that runs the methods of a ClassType."""
    found = cls.runtime_class
    if found is not None:
        return found
    name = base.__name__
    namespace: dict[str, Any] = {"_ts_class": cls, "__module__": base.__module__, "__qualname__": name}
    from_archive = cls.python_class is None
    for method_name, function in cls.methods.items():
        namespace[f"_ts_{method_name}"] = _Raw(function)
        if from_archive and method_name in _OWN_METHODS:
            continue  # an archive does not decide what `state_dict()` does, or `repr`
        namespace[method_name] = Entry(function, method_name in cls.guessed_methods)
    for attribute_name in _METHODS_OF_DICTS & cls.attributes.keys():
        if cls.attributes[attribute_name].kind in _REGISTERED:
            namespace[attribute_name] = property(functools.partial(_registered, name=attribute_name))
    for method_name in ("get_extra_state", "set_extra_state"):
        own = getattr(cls.python_class, method_name, None)
        if cls.is_module and own not in (None, getattr(torch.nn.Module, method_name)):
            namespace.setdefault(method_name, own)
    for method_name, (python_function, _) in cls.python_methods.items():
        namespace.setdefault(method_name, python_function)
    made = type(base)(name, (base, *extra), namespace)
    cls.runtime_class = made
    return made


def replace_method(module: ScriptModule, function: Function) -> None:
    """Give a module's class another body for one of its methods; the next call compiles it."""
    made = type(module)
    cls = made._ts_class
    name = function.name
    cls.methods[name] = function
    setattr(made, f"_ts_{name}", _Raw(function))
    setattr(made, name, Entry(function))


def make_module(
    cls: T.ClassType,
    attributes: dict[str, Any],
    original: torch.nn.Module | None = None,
    base: type = RecursiveScriptModule,
    made_of: dict[int, Any] | None = None,
) -> ScriptModule:
    """An instance of a ClassType's Python class with these attributes.

    Parameters, buffers and submodules go where `nn.Module` keeps them, by the kinds that the class declares;
    what is not among `attributes` is taken over from `original`, whose submodules are made likewise. `made_of`
    are ScriptModules by the id of the module they were made of, so that what is shared stays shared.
    """
    if original is not None:
        made_of = made_of if made_of is not None else {}
        attributes = {**_attributes_of(cls, original, attributes, made_of), **attributes}
    made = runtime_class(cls, base)
    module: ScriptModule = object.__new__(made)
    torch.nn.Module.__init__(module)
    if original is not None:
        for name, value in original.__dict__.items():
            if name not in module.__dict__ and name != "forward":
                module.__dict__[name] = value
        module.training = original.training
        for table in ("_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks",
                      "_backward_hooks", "_backward_pre_hooks", "_state_dict_pre_hooks", "_load_state_dict_post_hooks",
                      "_forward_hooks_with_kwargs", "_is_full_backward_hook",
                      "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called"):  # fmt: skip
            if table in original.__dict__:
                module.__dict__[table] = copy.copy(original.__dict__[table])
    for name, value in attributes.items():
        declared = cls.attributes.get(name)
        kind = declared.kind if declared is not None else _kind_of(value)
        if kind is T.AttributeKind.PARAMETER:
            module._parameters[name] = value
        elif kind is T.AttributeKind.BUFFER:
            module._buffers[name] = value
            if declared is not None and not declared.persistent:
                module._non_persistent_buffers_set.add(name)
        elif kind is T.AttributeKind.MODULE or isinstance(value, torch.nn.Module):
            module._modules[name] = value
        else:
            module.__dict__[name] = value
    module.__dict__["_ts_ready"] = True
    return module


def _attributes_of(
    cls: T.ClassType, original: torch.nn.Module, given: dict[str, Any], made_of: dict[int, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, attribute in cls.attributes.items():
        if name in given:
            continue
        for table in (original._parameters, original._buffers, original.__dict__):
            if name in table:
                found[name] = table[name]
        child = original._modules.get(name)
        if child is not None:
            if id(child) not in made_of:
                compiled = isinstance(getattr(type(child), "_ts_class", None), T.ClassType)
                made_of[id(child)] = (
                    make_module(attribute.type, {}, child, made_of=made_of)
                    if isinstance(attribute.type, T.ClassType) and not compiled
                    else child
                )
            found[name] = made_of[id(child)]
    return found


def _kind_of(value: Any) -> T.AttributeKind:
    if isinstance(value, torch.nn.Parameter):
        return T.AttributeKind.PARAMETER
    if isinstance(value, torch.nn.Module):
        return T.AttributeKind.MODULE
    return T.AttributeKind.PLAIN
