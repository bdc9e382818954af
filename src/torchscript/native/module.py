"""Native functions and modules as users hold them: the interface of compiled ones, and native code behind it."""

from __future__ import annotations

import functools
import inspect
import weakref
from operator import getitem, is_
from typing import Any

import torch
from torch.utils._device import DeviceContext

from .. import types as T
from ..codegen.cpp import NativeMethod, NativeProgram, Slot
from ..codegen.cpp.program import border_type
from ..errors import ArgumentError
from ..runtime.function import ScriptFunction
from ..runtime.hooks import has_late_hooks
from ..runtime.module import Changes, Entry, ScriptModule
from ..runtime.tuned import calls_tuned, is_out_of_tune
from ..tracing import state
from .border import Conversion, decoder, encoder
from .library import Library, raised, translated

_MISSING = object()
_COMPARED = (T.IntType, T.BoolType, T.StringType)  # not floats: 0.0 == -0.0


class NativeCall:
    """One method of a library, called with values that were bound and checked."""

    def __init__(self, library: Library, method: NativeMethod, is_method: bool) -> None:
        raw = library.method(method.name)
        self._raw = getattr(raw, "_op", raw)  # what an OpOverload calls and nothing else
        self._exceptions = library.exceptions
        types = [v.type for v in method.function.graph.inputs][is_method:]
        encoders = [
            (i, e) for i, t in enumerate(types) if (e := encoder(t, border_type(t) != "Any")) is not None
        ]
        self._encoders = encoders
        self._decode: Conversion | None = decoder(method.function.graph.outputs[0].type)
        self._mutates = method.mutates
        self._returns = method.returns
        self._changes_inside = method.changed_inside is not None
        self._argument_decoders = {i: decoder(types[i]) for i in method.mutates}

    def __call__(self, values: tuple[Any, ...], *instance: int) -> Any:
        arguments: Any = values
        if self._encoders:
            arguments = list(values)
            for i, encode in self._encoders:
                arguments[i] = encode(arguments[i])
        try:
            result = self._raw(*instance, *arguments)
        except RuntimeError as error:
            found = translated(error, self._exceptions)
            if found is error:
                raise
            raise found from None
        if self._mutates:
            result = self._copy_back(values, result)
        if self._returns is not None:
            return values[self._returns]
        return result if self._decode is None else self._decode(result)

    @property
    def may_change_arguments(self) -> bool:
        return self._changes_inside or bool(self._mutates)

    def changes_arguments(self, values: tuple[Any, ...]) -> bool:
        """Whether the callee may change arguments as the caller would not see it: inside of them, or by two names."""
        if self._changes_inside:
            return True
        given = [id(values[i]) for i in self._mutates if values[i] is not None]
        return len(given) > 1 and len(set(given)) < len(given)

    def _copy_back(self, values: tuple[Any, ...], results: Any) -> Any:
        """Lists and dicts that the callee changed, for the caller who holds them."""
        result, problem, *changed = results
        for i, new in zip(self._mutates, changed, strict=True):
            decode = self._argument_decoders[i]
            update(values[i], new if decode is None else decode(new))
        if problem is not None:
            kind, message, is_literal, trace = problem
            raise raised(kind, message, is_literal, trace, self._exceptions)
        return result


def update(container: Any, new: Any) -> None:
    """Give a list or dict the content of another, in place."""
    if isinstance(container, list):
        container[:] = new
    elif isinstance(container, dict):
        container.clear()
        container.update(new)


# found once: every call of native code asks
_is_compiling = torch.compiler.is_compiling
_transform = torch._C._functorch.peek_interpreter_stack
_count_modes = torch._C._len_torch_function_stack


def needs_python() -> bool:
    """Whether somebody has to see the operators one by one who is asked in Python alone: a trace, the compiler of
    PyTorch, a transform of functorch, a default device, another mode of functions."""
    if state.current() is not None or _is_compiling() or _transform() is not None:
        return True
    modes: int = _count_modes()
    return modes > 0 and not all(_changes_nothing(torch._C._get_function_stack_at(i)) for i in range(modes))


def _changes_nothing(mode: Any) -> bool:
    return isinstance(mode, DeviceContext) and mode.device.type == "cpu"


class NativeFunction(ScriptFunction):
    """A compiled function that runs as native code, without Python's lock."""

    def __init__(self, original: ScriptFunction, library: Library, method: NativeMethod) -> None:
        super().__init__(original._ts_function)
        from ..runtime.arguments import Signature

        self._arguments = Signature(self._ts_function)
        self._native = NativeCall(library, method, False)
        self.library = library

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if needs_python():
            return super().__call__(*args, **kwargs)
        if not kwargs and tuple(map(type, args)) == self._arguments.exact:
            return self._native(args)
        values = self._arguments.bind(args, kwargs)
        if self._native.changes_arguments(values):
            return super().__call__(*args, **kwargs)
        return self._arguments.run(lambda *v: self._native(v), values)

    def __repr__(self) -> str:
        return f"<torchscript.NativeFunction {self._ts_function.name}>"


class NativeInstance:
    """The objects of one module in the library, kept in step with the module's attributes.

    An attribute that was replaced in Python since the last call is handed over before the next; one that
    compiled code assigns is taken back after it.
    """

    def __init__(
        self, library: Library, program: NativeProgram, module: ScriptModule, copied: bool = False
    ) -> None:
        self.library = library
        self.program = program
        self.table = module.__dict__
        """Whose objects these are: a native module and what it was compiled from have one table, copies their own."""
        self.handle: int = library.operator("new_")()
        self._set, self._get = library.operator("set_"), library.operator("get_")
        weakref.finalize(self, library.operator("free_"), self.handle)
        self._slots = [_SlotState(s, _owner_in(module, s.path) if copied else s.owner) for s in program.slots]
        self.written = [i for i, s in enumerate(program.slots) if s.written]
        self._containers = [i for i, s in enumerate(self._slots) if s.is_container]
        self._tables, self._names = [s.table for s in self._slots], [s.name for s in self._slots]
        self._sent: list[Any] = [_MISSING] * len(self._slots)  # what the library has, by slot
        self._held: list[tuple[dict[str, Any], str, Any]] = []  # where each submodule was
        self._changes = -1
        for owner in torch.nn.Module.modules(module):
            self._held += [(owner._modules, name, child) for name, child in owner._modules.items()]
        self._structure = _structure_of(module)

    def of(self, owner: ScriptModule) -> NativeInstance | None:
        """The instance for a module of this class: this one, or for a copy of the module one of its own.

        None for a copy that is not as the module was when it was compiled.
        """
        if owner.__dict__ is self.table:
            return self
        found: NativeInstance | None = owner.__dict__.get(_OF_COPY)
        if found is None or found.table is not owner.__dict__:
            if _structure_of(owner) != self._structure:
                return None
            found = owner.__dict__[_OF_COPY] = NativeInstance(self.library, self.program, owner, copied=True)
        return found

    def __deepcopy__(self, memo: Any) -> None:
        """A copy of the module makes an instance when it is called."""

    def is_current(self) -> bool:
        """Whether every submodule is the one that the library has an object for, without hooks that came later."""
        if Changes.count != self._changes:
            for table, name, child in self._held:
                if table.get(name) is not child or (child is not None and has_late_hooks(child)):
                    return False  # and asked again by the next call: hooks may be removed
            self._changes = Changes.count
        return True

    def push(self) -> None:
        tables, names, held = self._tables, self._names, self._sent
        try:
            is_as_sent = all(map(is_, map(getitem, tables, names), held))
        except KeyError:
            is_as_sent = False
        if not is_as_sent:
            now = [table.get(name, _MISSING) for table, name in zip(tables, names, strict=True)]
            for i, (value, sent) in enumerate(zip(now, held, strict=True)):
                if value is not sent:
                    self._send(i, self._slots[i].find() if value is _MISSING else value)
        for i in self._containers:  # of which the content may be another
            value, slot = self._sent[i], self._slots[i]
            if slot.content is None or slot.content != value:
                self._send(i, value)

    def _send(self, i: int, value: Any) -> None:
        slot = self._slots[i]
        self._set(self.handle, i, value if slot.encode is None else slot.encode(value))
        self._tables[i] = slot.table
        self._sent[i] = value
        slot.remember(value)

    def pull(self) -> None:
        """Take what compiled code may have assigned."""
        for i, value in zip(self.written, self._get(self.handle, self.written), strict=True):
            slot, sent = self._slots[i], self._sent[i]
            if slot.decode is not None:
                value = slot.decode(value)
            if slot.is_container and isinstance(sent, list | dict):
                update(sent, value)
                slot.remember(value)
            elif value is not sent:
                slot.table[slot.name] = self._sent[i] = value


_OF_COPY = "_ts_native_of_copy"


def _structure_of(module: torch.nn.Module) -> list[tuple[str, type]]:
    named = torch.nn.Module.named_modules(module, remove_duplicate=False)
    return [(name, type(each)) for name, each in named if each is not module]


def _owner_in(module: torch.nn.Module, path: str) -> Any:
    """The object below the module that has the attribute `path` leads to."""
    return functools.reduce(getattr, path.split(".")[:-1], module)


class _SlotState:
    """A slot and the dictionary of the module that holds its attribute."""

    __slots__ = ("content", "decode", "encode", "has_numbers", "is_container", "name", "owner", "table")

    def __init__(self, slot: Slot, owner: Any) -> None:
        self.owner, self.name = owner, slot.name
        self.encode, self.decode = encoder(slot.type), decoder(slot.type)
        self.is_container = isinstance(slot.type, T.ListType | T.DictType)
        self.has_numbers = isinstance(slot.type, T.ListType) and isinstance(slot.type.element, _COMPARED)
        self.content: Any = None  # of a list that can be compared, as the library has it
        self.table: dict[str, Any] = {}
        self.find()

    def remember(self, value: Any) -> None:
        if self.has_numbers and isinstance(value, list):
            self.content = list(value)

    def find(self) -> Any:
        """The attribute, wherever the module has it now."""
        tables = (getattr(self.owner, t, {}) for t in ("_parameters", "_buffers", "_modules"))
        for table in (*tables, self.owner.__dict__):
            if self.name in table:
                self.table = table
                return table[self.name]
        # torch.nn.utils.parametrize leaves a property
        if isinstance(getattr(type(self.owner), self.name, None), property):
            return getattr(self.owner, self.name)
        raise AttributeError(f"'{type(self.owner).__name__}' has lost its attribute '{self.name}'")


class NativeEntry(Entry):
    """A method of a native module."""

    def __init__(self, entry: Entry, call: NativeCall) -> None:
        super().__init__(entry.function, entry.guessed)
        self._native = call
        self._is_tuned = calls_tuned(entry.function)
        self._asks_arguments = self._is_tuned or call.may_change_arguments

    def call(self, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if needs_python():
            return super().call(owner, args, kwargs)
        signature = self._signature or self.signature
        try:
            values = signature.bind(args, kwargs)
        except ArgumentError:
            if self.guessed:
                return super().call(owner, args, kwargs)  # other types than those that were guessed
            raise
        if self._asks_arguments and (
            (self._is_tuned and is_out_of_tune(values)) or self._native.changes_arguments(values)
        ):
            return super().call(owner, args, kwargs)
        instance: NativeInstance | None = owner._ts_native
        assert instance is not None
        if instance.table is not owner.__dict__:
            instance = instance.of(owner)
        if instance is None or not instance.is_current():  # a submodule was replaced, or has hooks
            return super().call(owner, args, kwargs)
        instance.push()
        try:
            if signature.has_sets:
                return signature.run(lambda *v: self._native(v, instance.handle), values)
            return self._native(values, instance.handle)
        finally:
            if instance.written:
                instance.pull()


def native_module(module: ScriptModule, library: Library, program: NativeProgram) -> ScriptModule:
    """A module that shares parameters, buffers, submodules and hooks with `module`, and runs natively."""
    base = type(module)
    namespace: dict[str, Any] = {"__module__": base.__module__, "__qualname__": f"Native{base.__name__}"}
    for method in program.methods:
        entry = inspect.getattr_static(base, method.name)
        namespace[method.name] = NativeEntry(entry, NativeCall(library, method, True))
    meta: Any = type(base)
    cls = meta(f"Native{base.__name__}", (base,), namespace)
    made: ScriptModule = object.__new__(cls)
    made.__dict__ = module.__dict__  # one module with two ways to run
    instance = cls._ts_native = NativeInstance(library, program, module)
    needs_python()  # these now, so that the first call is like the others
    instance.is_current()
    instance.push()
    for method in program.methods:
        _ = namespace[method.name].signature
    return made
