"""What the tests of writing share: functions from IR or from stock PyTorch's graphs, and bare objects to
save.
"""

import io
import warnings
import zipfile
from typing import Any

import torch

from torchscript import types as T
from torchscript.archive.writer import save_to_buffer
from torchscript.ir import Function, Graph, parse_graph
from torchscript.schema import Argument, Schema


def function_of(graph: Graph, name: str = "f", argument_names: list[str] | None = None) -> Function:
    """A function with a graph's types and the names of its parameters."""
    names = argument_names or [(v.name or f"a{i}").partition(".")[0] for i, v in enumerate(graph.inputs)]
    arguments = tuple(Argument(n, v.type) for n, v in zip(names, graph.inputs, strict=True))
    if len(graph.outputs) == 1:
        result: T.Type = graph.outputs[0].type
    else:
        result = T.TupleType(tuple(v.type for v in graph.outputs))
    return Function(f"__torch__.{name}", graph, Schema(name, "", arguments, (Argument("", result),)))


def from_stock(function: Any) -> tuple[Any, Function]:
    """A Python function as stock PyTorch compiles it, and as a function of ours with the same graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stock = torch.jit.script(function)
    names = [a.name for a in stock.schema.arguments]
    return stock, function_of(parse_graph(str(stock.graph)), function.__name__, names)


def stock_load(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(io.BytesIO(data))


def stock_save(module: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(module, buffer)
    return buffer.getvalue()


def records(data: bytes) -> dict[str, bytes]:
    """The records of an archive, without its top folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def code_of(data: bytes) -> dict[str, str]:
    return {n: text.decode() for n, text in records(data).items() if n.endswith(".py")}


class Bare:
    """An object with a class, as `save` takes it, and no runtime."""

    def __init__(self, cls: T.ClassType, **attributes: Any) -> None:
        self._ts_class = cls
        self.__dict__.update(attributes)


def holder(**attributes: tuple[Any, T.Type]) -> Bare:
    """A module with these attributes (value and type).

    Its method `get_a` returns the attribute `a`; where that is an object, `get_a_n` returns its `n`.
    """
    cls = T.ClassType("__torch__.holding.Holder", is_module=True)
    cls.attributes["training"] = T.ClassAttribute(T.BOOL)
    for number, (name, (_, type_)) in enumerate(attributes.items()):
        cls.attributes[name] = T.ClassAttribute(type_)
        getter = f"get_{name}" if name.isidentifier() else f"get_{number}"
        _add_getter(cls, getter, [(name, type_)])
        if isinstance(type_, T.ClassType):
            for inner, declared in type_.attributes.items():
                _add_getter(cls, f"{getter}_{inner}", [(name, type_), (inner, declared.type)])
    return Bare(cls, training=True, **{name: value for name, (value, _) in attributes.items()})


def _add_getter(cls: T.ClassType, name: str, path: list[tuple[str, T.Type]]) -> None:
    graph = Graph(name)
    value = graph.block.add_parameter(cls, "self")
    for attribute, type_ in path:
        value = graph.block.add("prim::GetAttr", [value], [type_], {"name": attribute}).output
    if isinstance(value.type, T.EnumType):
        value = graph.block.add("prim::EnumName", [value], [T.STRING]).output
    graph.block.add_output(value)
    schema = Schema(name, "", (Argument("self", cls),), (Argument("", value.type),))
    cls.methods[name] = Function(f"{cls.qualified_name}.{name}", graph, schema)


def through_stock(**attributes: tuple[Any, T.Type]) -> Any:
    """What stock PyTorch loads for a module with these attributes."""
    return stock_load(save_to_buffer(holder(**attributes)))
