"""A set of compiled functions or methods, and all that they call and hold, as C++ files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ... import types as T
from ...ir.graph import Function, Graph, Node
from ...schema.model import spell_type
from .classes import write_class, write_enum
from .contexts import methods_of
from .files import Parts
from .function import FunctionPrinter
from .instances import Instances, Slot
from .mutation import changed_arguments, returned_argument
from .names import identifier, quoted
from .problems import Problem
from .unit import Unit

if TYPE_CHECKING:
    from .unit import MakeKernel


@dataclass(slots=True)
class NativeMethod:
    """One entry of the library: its name, the function it runs, and the dispatcher's schema for it.

    `mutates` are the lists and dicts among the arguments that it may change, `changed_inside` is an argument of which it
    may change what is in it, `returns` one that it returns as it is (`mutation.py`).
    """

    name: str
    function: Function
    schema: str
    arguments: int
    mutates: tuple[int, ...] = ()
    changed_inside: int | None = None
    returns: int | None = None


@dataclass(slots=True)
class NativeProgram:
    """C++ files (`files.py`), and what they have to be given before they run.

    `tensors` are the constants of the graphs, `slots` the attributes of the objects under the root, in the order in
    which the library numbers them. `exceptions` are the classes that it raises and Python's own are not.
    """

    files: dict[str, str]
    methods: list[NativeMethod]
    tensors: list[torch.Tensor]
    slots: list[Slot] = field(default_factory=list)
    exceptions: dict[str, type[BaseException]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All files, one after the other."""
        return "\n".join(f"// {name}\n{text}" for name, text in self.files.items())


Prepare = Callable[[Function], Graph]


def generate(
    methods: Sequence[tuple[str, Function]],
    root: Any = None,
    *,
    prepare: Prepare,
    line_directives: bool = True,
    make_kernel: MakeKernel | None = None,
) -> NativeProgram:
    """The program of `methods`: of the module `root` if one is given, free functions otherwise.

    `mutates` of a method are the arguments whose lists and dicts it may change. `prepare` gives the optimised
    graph of a function. Raises NativeError, which names everything that has no
    native form.
    """
    unit = Unit(line_directives=line_directives)
    unit.make_kernel = make_kernel
    graphs: dict[Function, Graph] = {}
    for _, function in methods:
        _collect(function, graphs, prepare)
    _collect_implementers(root, graphs, prepare, unit)
    for graph in graphs.values():
        _find_written(graph, unit)
    for _, function in methods:
        unit.function(function)
    declarations: list[str] = []
    definitions: list[str] = []
    written = 0
    while written < len(unit.functions):
        function, name = list(unit.functions.items())[written]
        written += 1
        graph = graphs.get(function) or _collect(function, graphs, prepare)
        printer = FunctionPrinter(unit, _with_graph(function, graph), name)
        try:
            definitions.append(printer.write())
            declarations.append(printer.signature() + ";")
        except Problem as problem:
            unit.problems.add(problem, function.source)
    entries: list[NativeMethod] = []
    wrappers: list[str] = []
    instances = Instances(unit)
    for name, function in methods:
        try:
            entry, wrapper = _entry(unit, name, function, graphs[function], root is not None)
            entries.append(entry)
            wrappers.append(wrapper)
        except Problem as problem:
            unit.problems.add(problem, function.source)
    create = ""
    try:
        create = instances.write(root) if root is not None else instances.write_empty()
        structures = _structures(unit)
    except Problem as problem:
        unit.problems.add(problem, None)
    unit.problems.check(_title(methods, root))
    parts = Parts(
        headers=unit.headers,
        structures=[*structures, *unit.globals()],
        functions=list(zip(declarations, definitions, strict=True)),
        loops=[_has_loop(graphs[function]) for function in unit.functions],
        others=[(k.entry_declaration, k.entry) for k in unit.kernels]
        + [(g.partition(" {\n")[0] + ";", g) for g in unit.groups],
        kernels=unit.kernels,
        entries=[
            '#line 1 "generated entries"',
            create,
            "void _prepare() {",
            *(f"  {line}" for line in unit.preparations),
            "}",
            *wrappers,
            "const ts::Method _methods[] = {",
            *(f"  {{{quoted(e.name)}, {quoted(e.schema)}, {e.arguments}, &m_{identifier(e.name)}}}," for e in entries),
            "};",
        ],
        symbol=[
            'extern "C" __attribute__((visibility("default"))) const ts::Program* torchscript_program() {',
            "  using namespace program;",
            f"  static const ts::Program made{{ts::ABI, {quoted(torch.__version__)}, _methods, {len(entries)}, "
            "&_create, &_tensors, &_prepare, &ts::set_hooks};",
            "  return &made;",
            "}",
        ],
    )  # fmt: skip
    return NativeProgram(parts.files(), entries, unit.literals.tensors, instances.slots, unit.exceptions)


def _has_loop(graph: Graph) -> bool:
    """Whether a function has a loop of numbers, lists, strings: one with no tensor in it, for which nothing else waits."""
    return any(node.kind == "prim::Loop" and not _has_tensors(node) for node in graph.all_nodes())


def _has_tensors(loop: Node) -> bool:
    return any(
        isinstance(value.type, T.TensorType)
        for block in loop.blocks
        for node in block.nodes
        if node.kind != "prim::Loop"
        for value in node.outputs
    )


def _title(methods: Sequence[tuple[str, Function]], root: Any) -> str:
    if root is not None:
        return str(getattr(root, "original_name", type(root).__name__))
    return methods[0][0]


def _collect(function: Function, graphs: dict[Function, Graph], prepare: Prepare) -> Graph:
    """Prepare a function and all that it calls."""
    pending = [function]
    while pending:
        current = pending.pop()
        if current in graphs:
            continue
        graph = graphs[current] = prepare(current)
        for node in graph.all_nodes():
            callee = node.attributes.get("function") if node.kind == "prim::Constant" else None
            if isinstance(callee, Function):
                pending.append(callee)
            elif node.kind == "prim::CallMethod" and isinstance(node.inputs[0].type, T.ClassType):
                method = node.inputs[0].type.method(node.attributes["name"])
                if method is not None:
                    pending.append(method)
            elif node.kind == "prim::Enter":
                with contextlib.suppress(Problem):  # reported where it is written
                    pending += methods_of(node.inputs[0])
    return graphs[function]


def _collect_implementers(root: Any, graphs: dict[Function, Graph], prepare: Prepare, unit: Unit) -> None:
    """The classes behind each interface that the program mentions, and their methods, which may mention more.

    Behind an interface of modules stand those that the attributes under the root hold; behind others, every class of
    the program that has its methods.
    """
    found = unit.types.implementers
    held = _modules_behind(root)
    while True:
        types = {t: None for graph in graphs.values() for v in graph.all_values() for t in v.type.walk()}
        pending = []
        for interface in [t for t in types if isinstance(t, T.InterfaceType)]:
            if interface.is_module:
                members = list(held.get(interface, ()))
            else:
                members = [t for t in types if isinstance(t, T.ClassType) and t.is_subtype_of(interface)]
            if members != found.get(interface):
                found[interface] = members
                pending += [(c, name) for c in members for name in interface.methods]
        if not pending:
            return
        for cls, name in pending:
            method = cls.method(name)
            assert method is not None, f"{cls} is no {name}"
            _collect(method, graphs, prepare)


def _modules_behind(root: Any) -> dict[T.InterfaceType, dict[T.ClassType, None]]:
    found: dict[T.InterfaceType, dict[T.ClassType, None]] = {}
    for module in root.modules() if isinstance(root, torch.nn.Module) else ():
        cls = getattr(type(module), "_ts_class", None)
        for name, attribute in cls.attributes.items() if cls is not None else ():
            held = getattr(type(getattr(module, name, None)), "_ts_class", None)
            if isinstance(attribute.type, T.InterfaceType) and held is not None:
                found.setdefault(attribute.type, {})[held] = None
    return found


def _find_written(graph: Graph, unit: Unit) -> None:
    for node in graph.all_nodes():
        if node.kind == "prim::SetAttr":
            unit.written.add((node.inputs[0].type, node.attributes["name"]))


def _with_graph(function: Function, graph: Graph) -> Function:
    return Function(
        function.qualified_name,
        graph,
        function.schema,
        python_function=function.python_function,
        source=function.source,
    )


def _structures(unit: Unit) -> list[str]:
    """Structs of classes and enums; writing one may mention more."""
    bodies: list[str] = []
    done: set[object] = set()
    while True:
        classes = [c for c in unit.types.classes if c not in done]
        enums = [e for e in unit.types.enums if e not in done]
        if not classes and not enums:
            break
        for cls in classes:
            done.add(cls)
            bodies.append(write_class(unit, cls))
        for enum in enums:
            done.add(enum)
            bodies.append(write_enum(unit, enum))
    heads = [f"struct {name};" for name in (*unit.types.classes.values(), *unit.types.enums.values())]
    enum_names = tuple(f"struct {name} " for name in unit.types.enums.values())
    # enums first: their constants are used in the bodies of structs
    return heads + sorted(bodies, key=lambda body: not body.startswith(enum_names))


_PLAIN: dict[type[T.Type], str] = {
    T.TensorType: "Tensor", T.IntType: "int", T.FloatType: "float", T.BoolType: "bool", T.StringType: "str",
    T.ComplexType: "complex",
}  # fmt: skip


def border_type(type: T.Type) -> str:
    """The dispatcher's type for an argument: `Any` for what its schemas do not spell, or not as Python does."""
    plain = _PLAIN.get(type.__class__)
    if plain is not None:
        return plain
    if isinstance(type, T.OptionalType) and type.element.__class__ in _PLAIN:
        return f"{_PLAIN[type.element.__class__]}?"
    if isinstance(type, T.ListType) and type.element.__class__ in (T.TensorType, T.IntType, T.FloatType):
        return spell_type(type)
    return "Any"


def _entry(
    unit: Unit, name: str, function: Function, graph: Graph, is_method: bool
) -> tuple[NativeMethod, str]:
    """The boxed function that the dispatcher, or a C++ host, calls."""
    values = graph.inputs[1:] if is_method else graph.inputs
    arguments = function.schema.arguments[1:] if is_method else function.schema.arguments
    parameters = ["int self_"] if is_method else []
    mutates, inside = changed_arguments(graph, values)
    for i, (value, _) in enumerate(zip(values, arguments, strict=True)):
        parameters.append(f"{border_type(value.type)} a{i}{'_written' if i in mutates else ''}")
    result = graph.outputs[0].type
    spelled = "Any" if mutates else "()" if isinstance(result, T.NoneType) else border_type(result)
    schema = f"{identifier(name)}({', '.join(parameters)}) -> {spelled}"
    count = len(values)
    lines = [f"void m_{identifier(name)}(void* instance, Stack& stack) {{"]
    lines.append(f"  const size_t base = stack.size() - {count};")
    call = []
    if is_method:
        owner = graph.inputs[0].type
        assert isinstance(owner, T.ClassType)
        struct = unit.types.struct(owner)
        lines.append(f"  auto self_ = ts::root_of<{struct}>(instance);")
        call.append("self_")
    for i, value in enumerate(values):
        spelled_type = unit.types.of(value.type)
        lines.append(f"  auto a{i} = from_ivalue<{spelled_type}>(stack[base + {i}]);")
        call.append(f"a{i}")
    lines.append("  ts::drop_arguments(stack, base);")
    text = f"{unit.function(function)}({', '.join(call)})"
    if mutates:
        changed = ", ".join(f"to_ivalue(a{i})" for i in mutates)
        # an exception is a value here, beside what the caller has to see changed in spite of it
        lines += [
            "  c10::IValue result, problem;",
            f"  try {{ result = to_ivalue<{unit.types.of(result)}>({text}); }}",
            "  catch (const ts::Error& error) {",
            "    problem = c10::ivalue::Tuple::create(std::vector<c10::IValue>{",
            "        error.kind(), error.message(), error.is_literal(), error.trace()});",
            "  }",
            f"  ts::push(stack, c10::ivalue::Tuple::create(std::vector<c10::IValue>{{result, problem, {changed}}}));",
        ]
    elif isinstance(result, T.NoneType):
        lines.append(f"  {text};")
    else:
        lines.append(f"  ts::push(stack, to_ivalue<{unit.types.of(result)}>({text}));")
    lines.append("}")
    returns = returned_argument(graph, values)
    return NativeMethod(name, function, schema, count, mutates, inside, returns), "\n".join(lines)
