"""Record a run of Python code as a graph.

    recording = record(lambda x: x.view(x.size(0), -1) + 1, (torch.rand(2, 3, 4),))

The function runs as always, on the example tensors. A mode of PyTorch tells the recorder of each call of
the API (`interception.py`); the recorder finds the operator and its overload (`calls.py`) and writes a
node. What a node's result stands for is known by the identity of the Python tensor.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, NamedTuple

import torch
from torch import nn

from .. import types as T
from ..codes import tensor_info
from ..errors import TracingError
from ..ir import Function, Node, SourceRange, Value
from ..operators.dispatcher import schema_of, schemas_of
from ..schema import Schema, match
from ..types.of_values import TYPE_OF_CLASS
from . import state
from .aliases import Aliases
from .branches import Branches
from .diagnostics import Diagnostics
from .locations import in_torch, is_only_shown, range_of, target_at, user_frame
from .modules import ModuleTree
from .scopes import Scope, Scopes
from .sizes import TracedNumber, follows, plain, traced


class _Entry(NamedTuple):
    """What a live tensor stands for. The reference tells whether the id is still that tensor's."""

    tensor: weakref.ref[torch.Tensor]
    value: Value


class _Typed(NamedTuple):
    type: T.Type


class Recorder:
    """One recording in progress; its parts (`calls`, `interception`, …) write through `emit` and `bind`."""

    def __init__(
        self,
        root: nn.Module | None,
        *,
        silent: bool = False,
        force_outplace: bool = False,
        branches: Branches | None = None,
    ) -> None:
        self.tree = ModuleTree(root)
        self.scopes = Scopes(self.tree)
        self.diagnostics = Diagnostics(self, silent=silent)
        self.branches = branches or Branches()
        self.outermost_code: CodeType | None = None  # of the function that starts the run
        self.force_outplace = force_outplace
        self.grad_was_on = torch.is_grad_enabled()
        self.grad_off = False
        self.without_gradients: set[Value] = set()  # what was computed from nothing else while they were off
        self.grad_modes: dict[
            int, tuple[Any, Value]
        ] = {}  # managers that switched on, and what stands for them
        self.keeps_gradients = (
            False  # in a Function of torch's own: `no_grad` there is no part of the program
        )
        self.function_name = ""
        self.below = 0  # how deep in calls that are recorded below the API (`fallback.py`)
        # Of compiled modules that the traced one does not hold (`outside.py`), by module and method.
        self.outside_methods: dict[tuple[int, str], tuple[nn.Module, Function]] = {}
        self.caches: list[tuple[dict[Any, Any], dict[Any, Any]]] = []  # dicts that the run changed
        self._values: dict[int, _Entry] = {}
        self._aliases = Aliases()
        for attribute in self.tree.tensors.values():
            self._aliases.add(weakref.ref(attribute.tensor))
        self._outside: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._numbers_read: list[tuple[Value, str, int, Any]] = []
        self._decided: set[Value] = set()
        self._target: str | None = None  # the variable that the user's line assigns
        self._last_target: tuple[Any, int, Value] | None = None

    # --- Writing nodes --------------------------------------------------------------------------------------

    def emit(
        self,
        kind: str,
        inputs: Sequence[Value],
        types: Sequence[T.Type],
        attributes: dict[str, Any] | None = None,
        schema: Schema | None = None,
    ) -> Node:
        """Append a node to the current graph."""
        block = self.scopes.stack[-1].block
        return block.add(kind, inputs, types, attributes, self.source, schema)

    source: SourceRange | None = None
    """The user's span of the operation that is being recorded."""

    def locate(self) -> None:
        """Take note of where in the user's program the running operation is."""
        frame = user_frame()
        if frame is None:
            self.source = None
            return
        self.source = range_of(frame)
        self._target = target_at(frame.f_code, frame.f_lineno)

    def name_result(self, value: Value) -> None:
        """Give a value the name of the variable that the user's line assigns; the line's last operation keeps
        it.
        """
        source, name = self.source, self._target
        if source is None or name is None or value.name is not None:
            return
        block = self.scopes.stack[-1].block
        last = self._last_target
        if last is not None and last[0] is block and last[1] == source.line and last[2].name == name:
            last[2].name = None
        value.name = name
        self._last_target = block, source.line, value

    def constant(self, value: Any, type: T.Type) -> Value:
        """A `prim::Constant` in the current graph."""
        return self.scopes.stack[-1].block.constant(value, type, self.source)

    def call_language(self, kind: str, inputs: Sequence[Value], result: T.Type) -> Value:
        """A node of an operator without side effects, its overload found from the inputs and the result."""
        for schema in schemas_of(kind):
            if len(schema.returns) == 1:
                matched = match(schema, inputs, {}, conversions=False)
                if not isinstance(matched, str) and matched.return_types[0] == result:
                    values = list(inputs)
                    for binding in matched.bindings[len(values) :]:
                        values.append(self.constant(binding.argument.default, _constant_type(binding)))
                    return self.emit(kind, values, [result], schema=schema).output
        types = ", ".join(str(v.type) for v in inputs)
        raise TracingError(f"There is no operator {kind} of ({types}) that returns {result}.")

    def call_operator(
        self, key: str, inputs: Sequence[Value | Any], types: Sequence[T.Type] | None = None
    ) -> list[Value]:
        """A node of the overload `aten::slice.Tensor`; inputs that are no values become constants."""
        schema = schema_of(key)
        assert schema is not None, key
        values = []
        for argument, given in zip(schema.arguments, inputs, strict=False):
            values.append(given if isinstance(given, Value) else self._argument(given, argument.type))
        for argument in schema.arguments[len(values) :]:
            values.append(self._argument(argument.default, argument.type))
        types = types if types is not None else [r.type for r in schema.returns]
        return self.emit(schema.name, values, types, schema=schema).outputs

    def _argument(self, obj: Any, type: T.Type) -> Value:
        from .calls import value_for

        return value_for(self, obj, type)

    def changes_something(self) -> bool:
        """Whether anything recorded so far writes to a tensor or an attribute."""
        for scope in self.scopes.begun:
            for node in scope.block.nodes:
                if node.kind == "prim::SetAttr" or (node.schema is not None and node.schema.is_mutable):
                    return True
        return False

    # --- Tensors --------------------------------------------------------------------------------------------

    def known(self, tensor: torch.Tensor) -> Value | None:
        """What a tensor stands for, in whichever graph; None if the recording has not seen it."""
        entry = self._values.get(id(tensor))
        if entry is not None and entry.tensor() is tensor:
            return entry.value
        return None

    def bind(self, tensor: torch.Tensor, value: Value) -> None:
        """Make `value` stand for `tensor`."""
        entry = self._values[id(tensor)] = _Entry(weakref.ref(tensor), value)
        self._aliases.add(entry.tensor)

    def entry(self, tensor: torch.Tensor) -> _Entry | None:
        """What `set_entry` takes to put things back."""
        return self._values.get(id(tensor))

    def set_entry(self, tensor: torch.Tensor, entry: _Entry | None) -> None:
        """Make a tensor stand for what it stood for when `entry` was asked for."""
        if entry is None:
            self._values.pop(id(tensor), None)
        else:
            self._values[id(tensor)] = entry

    def forget(self, tensor: torch.Tensor) -> None:
        """Let a tensor stand for nothing but the attribute that it is."""
        self._values.pop(id(tensor), None)

    def value_of(self, tensor: torch.Tensor) -> Value:
        """What stands for a tensor in the current graph: a result, an attribute of a module, a constant."""
        entry = self._values.get(id(tensor))
        if entry is not None and entry.tensor() is tensor:
            return self.scopes.here(entry.value)
        places = self.tree.places_of(tensor)
        if places is not None:
            found = self._attribute(places)
            if found is not None:
                return found
        alias = self.alias_of(tensor) if id(tensor) not in self._outside else None
        return alias if alias is not None else self._outside_tensor(tensor)

    def alias_of(self, tensor: torch.Tensor) -> Value | None:
        """What stands for a tensor that was made of one that is known, unseen: by `Variable(x)`, `copy.copy(x)`, …"""
        with state.paused():
            same = self._aliases.of(tensor)
        known = (t for t in reversed(same) if self.known(t) is not None or self.is_attribute(t))
        other = next(known, None)
        return None if other is None else self.bind_alias(tensor, other)

    def bind_alias(self, tensor: torch.Tensor, other: torch.Tensor) -> Value:
        """Make a tensor stand for another one, of the same elements of the same memory."""
        with state.paused():
            is_leaf, requires_grad = tensor.is_leaf, tensor.requires_grad
        value = self.value_of(other)
        if is_leaf:
            value = self.call_operator("aten::detach", [value], [info_type(tensor)])[0]
            if requires_grad:
                value = self.call_operator("aten::requires_grad_", [value, True], [info_type(tensor)])[0]
        self.bind(tensor, value)
        return value

    def has_views(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is a view, or a live tensor of the recording is one of it."""
        with state.paused():
            if tensor._is_view():
                return True
            live = [entry.tensor() for entry in self._values.values()]
            return any(t is not None and t is not tensor and t._base is tensor for t in live)

    def is_attribute(self, tensor: torch.Tensor) -> bool:
        return self.tree.places_of(tensor) is not None

    def _attribute(self, places: list[tuple[tuple[str, ...], str]]) -> Value | None:
        for scope in reversed(self.scopes.stack):
            for path, name in places:
                if scope.contains(path):
                    return self.scopes.here(self._attribute_in(scope, path, name))
        return None

    def _attribute_in(self, scope: Scope, path: tuple[str, ...], name: str) -> Value:
        known = scope.attributes.get((path, name))
        if known is None:
            owner = scope.module_at(path, self.tree)
            known = scope.block.add("prim::GetAttr", (owner,), (T.TENSOR,), {"name": name}).output
            known.name = name
            scope.attributes[path, name] = known
            self.tree.note_use(path, name)
        return known

    def _outside_tensor(self, tensor: torch.Tensor) -> Value:
        """A tensor that the recording has not seen made: a constant, copied as it is now."""
        scope = self.scopes.current
        known = scope.constants.get(id(tensor))
        if known is not None:
            return known
        kept = self._outside.get(id(tensor))
        if kept is None:
            if tensor.requires_grad:
                where = f"\n{self.source.show()}" if self.source is not None else ""
                raise TracingError(
                    "Cannot insert a Tensor that requires grad as a constant. The traced function reads a tensor of "
                    f"shape {tuple(tensor.shape)} that is neither an input, nor an attribute of the traced module, "
                    "nor a result of a recorded operation. Consider making it a parameter of the module (and "
                    "tracing the module) or an input, or detaching the gradient. (Modules in a plain list or "
                    f"dict are not registered; nn.ModuleList and nn.ModuleDict register theirs.){where}"
                )
            kept = self._outside[id(tensor)] = tensor, self.copy_of(tensor)
        type = T.TensorType(_info(kept[1]))
        value = scope.constants[id(tensor)] = self.constant(kept[1], type)
        return value

    @staticmethod
    def copy_of(tensor: torch.Tensor) -> torch.Tensor:
        """A copy that nobody else holds."""
        with state.paused():
            return tensor.detach().clone()

    # --- Numbers --------------------------------------------------------------------------------------------

    def number(self, number: Any) -> Value:
        """What stands for a number in the current graph."""
        if follows(number, self):
            return self.scopes.here(number._ts_value)
        if isinstance(number, TracedNumber):
            self.number_left_over(number)
        number = plain(number)
        return self.constant(number, TYPE_OF_CLASS[type(number)])

    def number_operation(self, kind: str, operands: Sequence[Any], result: Any) -> Any:
        """Record arithmetic on traced numbers; the result stands for the node's."""
        if isinstance(result, bool | complex):
            return result
        self.locate()
        operands = [int(o) if isinstance(o, bool) else o for o in operands]
        type = T.INT if isinstance(result, int) else T.FLOAT
        values = [self.number(o) for o in operands]
        divisor = operands[-1]
        if kind == "aten::div" and divisor.__class__ is int and divisor == 1 and _is_int(values[0]):
            # Stock torch.jit takes `n / 1` for `n`, and then finds an int where a float is to be.
            value = self.call_language("aten::Float", values[:1], T.FLOAT)
        elif kind == "aten::pow" and type is T.INT:
            # In text, the overload that returns an int cannot be told from the one that returns a float.
            value = self.call_language("aten::Int", [self.call_language(kind, values, T.FLOAT)], T.INT)
        else:
            value = self.call_language(kind, values, type)
        quiet = all(o._ts_quiet for o in operands if isinstance(o, TracedNumber))
        return traced(self, result, value, quiet=quiet)

    def number_decided(self, what: str, numbers: Sequence[Any], result: Any) -> None:
        """A traced number was compared, or used as a condition."""
        own = [n for n in numbers if follows(n, self)]
        if not own:
            return
        self._decided.update(n._ts_value for n in own)
        if any(type(n) is int and n < 0 for n in numbers) and all(map(_is_size, own)):
            return  # the same for all inputs
        if all(n._ts_quiet for n in own) or in_torch(sys._getframe(2)):
            return
        self.diagnostics.decided(f"A size of a tensor, compared here ({what}),", result)

    def number_converted(self, target: str, number: Any, result: Any) -> None:
        """A traced number became a plain one."""
        self._decided.add(number._ts_value)
        if not number._ts_quiet:
            self.diagnostics.converted(f"Python {target}", result)

    def number_used(self, use: str, number: Any) -> None:
        """A traced number is taken for what it is in this run; `use` says what for, as a predicate."""
        self._decided.add(number._ts_value)
        if not number._ts_quiet:
            self.diagnostics.used(use, plain(number))

    def number_told(self, number: Any) -> None:
        """A traced number became a text."""
        frame = user_frame()
        if frame is not None and not is_only_shown(frame):
            self.number_used("becomes a text", number)

    def number_left_over(self, number: TracedNumber) -> None:
        """A number that another recording follows is taken for what it was there."""
        if not number._ts_quiet:
            self.diagnostics.used(
                "comes from another trace (out of a cache, a global, an attribute)", plain(number)
            )

    def number_read(self, value: Value, result: Any) -> None:
        """A number was read out of a tensor; `finish` warns if nothing recorded ever used it."""
        frame = user_frame()
        if frame is not None:
            self._numbers_read.append((value, frame.f_code.co_filename, frame.f_lineno, result))

    def warn_of_lost_numbers(self) -> None:
        """Warn of numbers read from tensors that went where the recording could not follow."""
        for value, filename, line, result in self._numbers_read:
            if not value.users and value not in self._decided:
                self.diagnostics.baked_number(filename, line, result)

    # --- Compiled code that is called (for `runtime`) -------------------------------------------------------

    def call_script_function(
        self, function: Function, run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record a call of a compiled function, and run it (`run(*args, **kwargs)`) unrecorded."""
        from .submodules import call_script_function

        return call_script_function(self, function, run, args, kwargs)

    def call_script_method(
        self,
        module: nn.Module,
        function: Function,
        run: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Record a call of a method of a compiled module, and run it (`run(*args, **kwargs)`) unrecorded."""
        from .submodules import call_script_method

        return call_script_method(self, module, function, run, args, kwargs)

    # --- Attributes that Python replaces --------------------------------------------------------------------

    def write_changed_attributes(self, module: nn.Module) -> None:
        """`self.step = self.step + 1` on a parameter or buffer → prim::SetAttr."""
        for name, tensor in self.tree.changed(module):
            if name in module._parameters and not isinstance(tensor, nn.Parameter):
                continue  # as `functional_call` does for a while; it is read as the result that it is
            path = self.tree.path_of(module)
            scope = next((s for s in reversed(self.scopes.stack) if s.contains(path)), None)
            if scope is None:
                continue
            value = self.value_of(tensor)
            owner = self.scopes.here(scope.module_at(path, self.tree))
            self.emit("prim::SetAttr", [owner, value], [], {"name": name})
            self.tree.note_use(path, name)
            self.tree.replace(module, name, tensor)
            self.forget(tensor)
            for open_scope in self.scopes.begun:
                for place in [p for p in open_scope.attributes if self.tree.modules[p[0]] is module]:
                    if place[1] == name:
                        del open_scope.attributes[place]


def _is_int(value: Value) -> bool:
    return isinstance(value.type, T.IntType)


def _is_size(number: TracedNumber) -> bool:
    node = number._ts_value.node
    return node is not None and node.kind in ("aten::size", "aten::len", "aten::numel")


def _constant_type(binding: Any) -> T.Type:
    default = binding.argument.default
    if default is None:
        return T.NONE
    type = binding.type
    return type.element if isinstance(type, T.OptionalType) else type


def _info(tensor: torch.Tensor) -> str | None:
    try:
        return tensor_info(tensor)
    except (RuntimeError, KeyError):  # sparse and other layouts have no strides
        return None


def info_type(tensor: torch.Tensor) -> T.TensorType:
    """The type of a tensor, with what this run saw of it."""
    return T.TensorType(_info(tensor))
