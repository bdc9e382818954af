"""`freeze`, `run_frozen_optimizations` and `optimize_for_inference`: modules whose attributes are constants.

    %w : Tensor = prim::GetAttr[name="weight"](%self)    →    %w : Tensor = prim::Constant[value=<Tensor>]()

What was asked to be preserved stays an attribute, and so does what a method changes: it assigns the attribute, or
writes into the tensor. The modules on the way to such an attribute stay too, with nothing else in them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .. import types as T
from ..archive.hooks import forward_with_hooks
from ..errors import Error
from ..ir.graph import Function, Graph, Node, Value
from ..passes import (
    eliminate_dead_code,
    inline_calls,
    pool_constants,
    propagate_constants,
    use_onednn,
    use_onednn_linears,
)
from ..passes.aliasing import AliasSets
from ..passes.frozen import optimize_frozen
from ..schema import Argument, Schema
from .module import ARCHIVE_CLASS, ScriptModule, make_module, replace_method
from .tuned import TunedFunction

_FROZEN = "_ts_frozen"


def freeze(
    mod: ScriptModule, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True
) -> ScriptModule:
    """A copy of a compiled module with its attributes, parameters and submodules in the code, as constants.

    `forward` stays, and what `preserved_attrs` names: attributes (`"version"`, `"layer.version"`) and methods.
    Attributes that these methods change stay attributes. With `optimize_numerics`, convolutions and linears take
    in the batch norms behind them, which rounds differently. Forward hooks of the module become part of `forward`
    (PyTorch's `freeze` drops those of the top module). The module has to be in eval mode. Gradients of what
    was a parameter are not computed.

    >>> import torch, torchscript as jit
    >>> frozen = jit.freeze(jit.script(torch.nn.Linear(2, 2).eval()))
    >>> list(frozen.parameters())
    []
    """
    if not isinstance(mod, ScriptModule) or not isinstance(
        getattr(type(mod), "_ts_class", None), T.ClassType
    ):
        raise Error(
            "Freezing expects a ScriptModule as input. Please use torchscript.script or torchscript.trace to "
            "compile your 'nn.Module'."
        )
    if mod.training:
        raise Error(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
            "before freezing."
        )
    frozen = _Freezer(mod, preserved_attrs or []).freeze()
    for function in type(frozen)._ts_class.methods.values():
        optimize_frozen(function.graph, numerics=optimize_numerics)
    return frozen


def frozen_method(mod: ScriptModule, name: str) -> Function:
    """A method with what it reads of the module as constants; it uses `self` only where it changes something.

    Hooks are the caller's; Error for a module that has compiled ones.
    """
    cls = _class_of(mod)
    if cls.forward_hooks or cls.forward_pre_hooks:
        raise Error(f"'{mod.original_name}' has compiled hooks.")
    return _method(_Freezer(mod, [name], hooks=False).freeze(), name)


def run_frozen_optimizations(
    mod: ScriptModule, optimize_numerics: bool = True, preserved_methods: list[str] | None = None
) -> None:
    """Optimise a frozen module in place: `forward`, and the methods named.

    Folds what depends on constants, takes out dropout and writes that nobody sees, merges what is computed twice;
    with `optimize_numerics`, takes batch norms into what is before them.
    """
    cls = _class_of(mod)
    names = ["forward"] if "forward" in cls.methods else []
    for name in [*names, *(preserved_methods or [])]:
        function = _with_graph(_method(mod, name), _method(mod, name).graph.copy())
        optimize_frozen(function.graph, numerics=optimize_numerics)
        replace_method(mod, function)


def optimize_for_inference(mod: ScriptModule, other_methods: list[str] | None = None) -> ScriptModule:
    """A module that computes the same faster on this machine, without gradients; frozen first if it is not.

    Convolutions of images run in oneDNN with packed weights, with the activation and the residual that follow in
    the same kernel. So do linear layers of 2¹⁹ weights or more for inputs of 16 rows or more; their weights are in memory
    twice, as they are for fewer rows. Saving it writes the frozen module, which knows no machine. Under autocast, for
    other dtypes than float32 and where gradients are recorded, the frozen module runs.
    """
    if not isinstance(mod, ScriptModule) or not isinstance(
        getattr(type(mod), "_ts_class", None), T.ClassType
    ):
        raise Error(
            "optimize_for_inference expects a ScriptModule as input. Please use torchscript.script or "
            "torchscript.trace to compile your 'nn.Module'."
        )
    other_methods = other_methods or []
    if _FROZEN not in mod.__dict__:
        mod = freeze(mod.eval(), preserved_attrs=other_methods)
    for name in other_methods:
        _method(mod, name)  # there is none if it was not preserved when the module was frozen
    cls = _class_of(mod)
    tuned = _class_like(cls)
    tuned.attributes = dict(cls.attributes)
    for name, function in cls.methods.items():
        graph = function.graph.copy()
        if name == "forward" or name in other_methods:
            optimize_frozen(graph)
            use_onednn(graph)
            use_onednn_linears(graph)
            pool_constants(graph)
            eliminate_dead_code(graph)
        graph.inputs[0].type = tuned
        tuned.methods[name] = _with_graph(function, graph, tuned)
        if any(node.kind.startswith("mkldnn::") for node in graph.all_nodes()):
            plain = function.graph.copy()
            plain.inputs[0].type = tuned
            tuned.methods[name] = TunedFunction(tuned.methods[name], _with_graph(function, plain, tuned))
    made = make_module(tuned, _attributes(mod, cls))
    made.training = False
    made.__dict__[_FROZEN] = True
    made.__dict__[ARCHIVE_CLASS] = mod.__dict__.get(ARCHIVE_CLASS, cls)
    return made


def _class_of(mod: ScriptModule) -> T.ClassType:
    cls = getattr(type(mod), "_ts_class", None)
    if not isinstance(cls, T.ClassType):
        raise Error(f"'{type(mod).__name__}' is not compiled.")
    return cls


def _method(mod: ScriptModule, name: str) -> Function:
    function = _class_of(mod).method(name)
    if function is None:
        raise Error(f"'{mod.original_name}' has no compiled method '{name}'.")
    return function


def _class_like(cls: T.ClassType) -> T.ClassType:
    return T.ClassType(cls.qualified_name, is_module=True)


def _with_graph(function: Function, graph: Graph, cls: T.ClassType | None = None) -> Function:
    """The method with another body, for another class."""
    schema = function.schema
    if cls is not None:
        me = Argument(schema.arguments[0].name, cls)
        schema = Schema(
            schema.name, schema.overload, (me, *schema.arguments[1:]), schema.returns, schema.is_vararg, schema.is_varret
        )  # fmt: skip
    made = Function(
        function.qualified_name,
        graph,
        schema,
        python_function=function.python_function,
        source=function.source,
    )
    made.docstring = function.docstring
    return made


def _attributes(mod: torch.nn.Module, cls: T.ClassType) -> dict[str, Any]:
    return {name: getattr(mod, name) for name in cls.attributes if hasattr(mod, name)}


_Place = tuple[int, str]
"""An attribute: the id of the module, and the attribute's name."""


class _Freezer:
    def __init__(self, root: ScriptModule, preserved: Sequence[str], *, hooks: bool = True) -> None:
        self.root = root
        self.cls = _class_of(root)
        self.forward = forward_with_hooks(root, self.cls) if hooks else None
        self.methods = ["forward"] if self.cls.method("forward") is not None else []
        self.kept: set[_Place] = set()
        self.whole: set[int] = set()  # modules that stay as they are, with all that is in them
        self.detached: dict[int, torch.Tensor] = {}
        self.made: dict[int, tuple[torch.nn.Module, T.ClassType]] = {}
        if isinstance(preserved, str) or not all(isinstance(name, str) for name in preserved):
            raise Error(f"What is preserved is a list of names, ['version'], not {preserved!r}.")
        for name in preserved:
            self._preserve(name)

    def freeze(self) -> ScriptModule:
        while True:
            kept = len(self.kept), len(self.whole)
            graphs = [_Frozen(self, self._graph(name)) for name in self.methods]
            if (len(self.kept), len(self.whole)) == kept:
                break
        for frozen in graphs:
            for owner, name in frozen.paths():
                self.kept.add((id(owner), name))
        made, cls = self._module(self.root)
        assert isinstance(made, ScriptModule)
        for name, frozen in zip(self.methods, graphs, strict=True):
            frozen.retype(self.made)
            cls.methods[name] = _with_graph(self._function(name), frozen.graph, cls)
        cls.runtime_class = None
        root = make_module(cls, _attributes(made, cls))
        root.training = False
        root.__dict__[_FROZEN] = True
        return root

    def _function(self, name: str) -> Function:
        """A method, and `forward` with the hooks that a call of the module runs, since the frozen one has none."""
        if name == "forward" and self.forward is not None:
            return self.forward
        function = self.cls.method(name)
        assert function is not None
        return function

    def _graph(self, name: str) -> Graph:
        return self._function(name).graph.copy()

    def _preserve(self, name: str) -> None:
        if self.cls.method(name) is not None:
            if name not in self.methods:
                self.methods.append(name)
            return
        module: Any = self.root
        for part in name.split("."):
            if not isinstance(module, torch.nn.Module) or part not in _names(module):
                raise Error(f"Unknown name: {name}")
            self.kept.add((id(module), part))
            module = getattr(module, part)
        if isinstance(module, torch.nn.Module):
            self.whole.add(id(module))

    def _module(self, module: torch.nn.Module) -> tuple[torch.nn.Module, T.ClassType]:
        """What a module with something kept in it becomes."""
        found = self.made.get(id(module))
        if found is not None:
            return found
        old = getattr(type(module), "_ts_class", None)
        assert isinstance(old, T.ClassType)
        if id(module) in self.whole and module is not self.root:
            self.made[id(module)] = module, old
            return module, old
        cls = _class_like(old)
        attributes: dict[str, Any] = {}
        for name, declared in old.attributes.items():
            if id(module) not in self.whole and (id(module), name) not in self.kept:
                continue
            value = getattr(module, name)
            kind, type_ = declared.kind, declared.type
            if isinstance(value, torch.nn.Module):
                value, type_ = self._module(value)
            cls.attributes[name] = T.ClassAttribute(type_, kind, declared.persistent, declared.final)
            attributes[name] = value
        made = make_module(cls, attributes)
        made.training = False
        self.made[id(module)] = made, cls
        return made, cls

    def constant(self, value: Any) -> Any:
        """The value as code holds it: tensors without gradients, one for each."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.detached:
                self.detached[id(value)] = value.detach()
            return self.detached[id(value)]
        if isinstance(value, list):
            return [self.constant(v) for v in value]
        if isinstance(value, tuple):
            return tuple(self.constant(v) for v in value)
        if isinstance(value, dict):
            return {k: self.constant(v) for k, v in value.items()}
        return value

    def keep(self, owner: torch.nn.Module, name: str) -> None:
        """Keep an attribute, and every other that is the same memory."""
        self.kept.add((id(owner), name))
        storages = {_storage(t) for t in _tensors(getattr(owner, name))}
        if not storages:
            return
        for module in self.root.modules():
            for other in _names(module):
                if any(_storage(t) in storages for t in _tensors(getattr(module, other))):
                    self.kept.add((id(module), other))


def _names(module: torch.nn.Module) -> list[str]:
    cls = getattr(type(module), "_ts_class", None)
    return list(cls.attributes) if isinstance(cls, T.ClassType) else []


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for element in value:
            yield from _tensors(element)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _storage(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (NotImplementedError, RuntimeError):  # no storage: sparse, mkldnn
        return id(tensor)


class _Frozen:
    """One method's graph, with constants for the attributes that nobody changes."""

    def __init__(self, freezer: _Freezer, graph: Graph) -> None:
        self.freezer = freezer
        self.graph = graph
        self.modules: dict[Value, torch.nn.Module] = {}
        self._inline()
        self._read_attributes()
        self._find_changes()

    def paths(self) -> list[tuple[torch.nn.Module, str]]:
        """The attributes that the graph still reads or sets."""
        return [
            (self.modules[node.inputs[0]], node.attributes["name"])
            for node in self.graph.all_nodes()
            if node.kind in ("prim::GetAttr", "prim::SetAttr") and node.inputs[0] in self.modules
        ]

    def retype(self, made: dict[int, tuple[torch.nn.Module, T.ClassType]]) -> None:
        """Give the values that are modules the classes of what these have become."""
        for value, module in self.modules.items():
            if id(module) in made:
                value.type = made[id(module)][1]

    def _inline(self) -> None:
        """Inline all calls; what is called through an interface is known by the module that is there."""
        while True:
            inline_calls(self.graph)
            narrowed = self._resolve()
            if not narrowed:
                break
        # what only training would do goes before the attributes that it would change are looked for
        for node in list(self.graph.all_nodes()):
            if node.kind == "prim::GetAttr" and node.attributes["name"] == "training":
                owner = self.modules.get(node.inputs[0])
                if owner is not None:
                    _become_constant(node, owner.training)
        while propagate_constants(self.graph) | _simplify(self.graph):
            pass
        eliminate_dead_code(self.graph)
        self._resolve()

    def _resolve(self) -> bool:
        """Find out which values are which modules; whether that told a class of an interface."""
        self.modules = {self.graph.inputs[0]: self.freezer.root}
        narrowed = False
        for node in self.graph.all_nodes():
            owner = self.modules.get(node.inputs[0]) if node.kind == "prim::GetAttr" else None
            if owner is None:
                continue
            value = getattr(owner, node.attributes["name"])
            cls = getattr(type(value), "_ts_class", None)
            if isinstance(value, torch.nn.Module) and isinstance(cls, T.ClassType):
                self.modules[node.output] = value
                if node.output.type is not cls:
                    node.output.type = cls
                    narrowed = True
        return narrowed

    def _read_attributes(self) -> None:
        self.constants: dict[Value, tuple[torch.nn.Module, str]] = {}
        kept = self.freezer.kept
        for node in list(self.graph.all_nodes()):
            if node.kind == "prim::GetAttr" and node.inputs[0] in self.modules:
                owner, name = self.modules[node.inputs[0]], node.attributes["name"]
                if (
                    node.output in self.modules
                    or (id(owner), name) in kept
                    or id(owner) in self.freezer.whole
                ):
                    continue
                value = getattr(owner, name)
                if _can_be_constant(value):
                    constant = _become_constant(node, self.freezer.constant(value))
                    self.constants[constant] = owner, name
                else:
                    self.freezer.keep(owner, name)
        eliminate_dead_code(self.graph)

    def _find_changes(self) -> None:
        """Keep what the graph assigns, or writes into, and modules that it gives away."""
        aliases = AliasSets(self.graph)
        for value, (owner, name) in self.constants.items():
            if aliases.is_written(value):
                self.freezer.keep(owner, name)
        for node in self.graph.all_nodes():
            for index, value in enumerate(node.inputs):
                module = self.modules.get(value)
                if module is None or (node.kind == "prim::GetAttr"):
                    continue
                if node.kind == "prim::SetAttr" and index == 0:
                    self.freezer.keep(module, node.attributes["name"])
                elif id(module) not in self.freezer.whole:
                    self.freezer.whole.update(id(m) for m in module.modules())


def _simplify(graph: Graph) -> bool:
    from ..passes import apply_peepholes

    return apply_peepholes(graph)


def _become_constant(node: Node, value: Any) -> Value:
    """Make the node a constant, in its place."""
    output = node.output
    attributes = {} if value is None else {"value": value}
    type_ = T.NONE if value is None else output.type
    if isinstance(type_, T.OptionalType):
        type_ = type_.element
    constant = Node("prim::Constant", (), (type_,), attributes, node.source)
    constant.output.name = output.name
    block = node.block
    constant.block = block
    block.nodes[block.nodes.index(node)] = constant
    output.replace_all_uses_with(constant.output)
    node.release()
    return constant.output


_SCALARS = (int, float, bool, complex, str, type(None), torch.device, torch.dtype)


def _can_be_constant(value: Any) -> bool:
    if isinstance(value, enum.Enum):
        return False
    if isinstance(value, torch.Tensor):
        return not value.is_quantized and not value.is_sparse
    if isinstance(value, list | tuple):
        return all(map(_can_be_constant, value)) and type(value) in (list, tuple)
    if isinstance(value, dict):
        return type(value) is dict and all(map(_can_be_constant, [*value, *value.values()]))
    return isinstance(value, _SCALARS)
