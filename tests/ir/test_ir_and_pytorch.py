"""Text of PyTorch is read, and PyTorch reads ours, as far as it reads its own."""

import enum
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import pytest
import torch
import torchvision

from torchscript.ir import parse_graph, print_graph, verify


class Color(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: torch.Tensor
    n: int


@torch.jit.script
class Counter:
    def __init__(self, n: int):
        self.n = n


def control_flow(x: torch.Tensor, n: int):
    for i in range(n):
        if i > 3:
            x = x + 1.5
        else:
            x = x.to(torch.float32)
    while bool(x.sum() > 0):
        x = x - 1
    return x


def values(x: torch.Tensor, d: Dict[str, List[int]], o: Optional[float], u: Union[int, str]):
    y = float("inf") + 1e-7 + 0.1
    z = 1j + 2
    t = torch.zeros([2, 3], device=torch.device("cpu"), dtype=torch.int64)
    s = "a\n\t\\\"'" + str(z)
    a, b = x.max(0)
    r: List[Tuple[int, str]] = [(1, s)]
    return y, t, r, d["a"], a + b


def effects(x: torch.Tensor, n: int):
    print(x, n)
    assert n > 3, "small"
    if n > 5:
        raise ValueError("large")
    x.add_(1)
    return x


def classes(c: Counter, p: Point, e: Color, x: Any):
    if e == Color.RED:
        c.n += 1
    return Point(p.x, c.n), isinstance(x, int)


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.sizes = [1, 2]
        self.table = {"x": torch.ones(3)}
        self.nested = (1, (2.0, None), [torch.ones(2)])
        self.color = Color.RED

    @torch.jit.ignore
    def outside(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def forward(self, x):
        with torch.no_grad():
            y = self.outside(x)
        future = torch.jit.fork(self.branch, x)
        return self.linear(x) + torch.jit.wait(future) + y.sum(), self.table, self.nested, self.color

    @torch.jit.export
    def branch(self, x):
        return torch.nn.functional.dropout(x, 0.5, self.training).sum()


def graphs():
    for function in (control_flow, values, effects, classes):
        yield function.__name__, torch.jit.script(function).graph
    module = torch.jit.script(Module())
    yield "module", module.graph
    yield "module inlined", module.inlined_graph
    yield "method", module.branch.graph
    linear = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).eval()
    traced = torch.jit.trace(linear, torch.ones(4, 2))
    yield "traced", traced.graph
    yield "traced inlined", traced.inlined_graph
    yield "frozen", torch.jit.freeze(traced).graph
    resnet = torchvision.models.resnet18(weights=None).eval()
    yield "resnet18", torch.jit.script(resnet).inlined_graph
    yield "resnet18 traced", torch.jit.trace(resnet, torch.rand(1, 3, 64, 64)).inlined_graph


GRAPHS = {name: str(graph) for name, graph in graphs()}


@pytest.mark.parametrize("name", GRAPHS)
def test_text_of_pytorch_is_read(name):
    graph = parse_graph(GRAPHS[name])
    verify(graph)
    text = print_graph(graph)
    assert print_graph(parse_graph(text)) == text
    for node in graph.all_nodes():
        assert node.schema is not None or not node.kind.startswith("aten::"), node.kind


@pytest.mark.parametrize("name", GRAPHS)
def test_operators_are_those_of_pytorch(name):
    ours = print_graph(parse_graph(GRAPHS[name]), source_ranges=False)
    kinds = re.compile(r"= (\w+::\w+|\^\w+)")
    theirs = GRAPHS[name].replace("prim::fork_0", "prim::fork").replace("prim::fork = graph", "")
    assert sorted(kinds.findall(ours)) == sorted(kinds.findall(theirs))


# What PyTorch's parser does not read of what PyTorch's printer writes; the test below holds it to that.
UNREADABLE = {
    "a node without outputs": r"^ +=",
    "a class": r"__torch__",
    "a named tuple": r"NamedTuple",
    "an enum": r"Enum<",
    "a Python call": r"= \^",
    "a complex constant": r"value=[^\]\"]*j\]",
    "a tuple constant": r"value=\(",
    "a dict constant": r"value=\{\"",
    "a tensor without its type": r"Tensor = prim::Constant\[value=",
    "a function": r": Function",
}


def unreadable(text):
    return [what for what, pattern in UNREADABLE.items() if re.search(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize("name", GRAPHS)
def test_pytorch_reads_our_text_where_it_reads_its_own(name):
    ours = print_graph(parse_graph(GRAPHS[name]))
    if not unreadable(ours):
        torch._C.parse_ir(ours, parse_tensor_constants=True)
        return
    with pytest.raises(RuntimeError):
        torch._C.parse_ir(GRAPHS[name], parse_tensor_constants=True)


@pytest.mark.parametrize(
    "text",
    [
        "graph(%x.1 : Tensor):\n   = prim::Print(%x.1)\n  return ()\n",
        "graph(%x.1 : __torch__.A):\n  return (%x.1)\n",
        "graph(%x.1 : NamedTuple(a : int)):\n  return (%x.1)\n",
        "graph(%x.1 : Enum<__torch__.C>):\n  return (%x.1)\n",
        "graph(%x.1 : Function):\n  return (%x.1)\n",
        "graph(%x.1 : PyObject):\n  return (%x.1)\n",
        "graph(%x.1 : Tensor):\n  %0 : Tensor = ^f()(%x.1)\n  return (%0)\n",
        "graph():\n  %0 : complex = prim::Constant[value=1.+2.j]()\n  return (%0)\n",
        "graph():\n  %0 : (int, int) = prim::Constant[value=(1, 2)]()\n  return (%0)\n",
    ],
)
def test_what_pytorch_cannot_read(text):
    """We print these as PyTorch does, and PyTorch does not read them: should it learn to, this test tells."""
    assert print_graph(parse_graph(text)) == text
    with pytest.raises(RuntimeError):
        torch._C.parse_ir(text, parse_tensor_constants=True)


@pytest.mark.parametrize(
    "constant",
    [
        "int = prim::Constant[value=-3]()",
        "float = prim::Constant[value=1.]()",
        "float = prim::Constant[value=9.9999999999999995e-08]()",
        "float = prim::Constant[value=1.7976931348623157e+308]()",
        "float = prim::Constant[value=-inf]()",
        'str = prim::Constant[value="a\\n\\t\\"\\001é"]()',
        'Device = prim::Constant[value="cuda:0"]()',
        "float[] = prim::Constant[value=[1., -inf]]()",
        "bool[] = prim::Constant[value=[True, False]]()",
        "int[] = prim::Constant[value=annotate(List[int], [])]()",
        "Float(requires_grad=0, device=cpu) = prim::Constant[value={2.5}]()",
        "Long(1, strides=[1], requires_grad=0, device=cpu) = prim::Constant[value={3}]()",
    ],
)
def test_pytorch_reads_the_same_constants(constant):
    text = f"graph():\n  %0 : {constant}\n  return (%0)\n"
    (node,) = parse_graph(text).block.nodes
    graph = torch._C.parse_ir(text, parse_tensor_constants=True)
    theirs = next(graph.nodes()).output().toIValue()
    ours = node.attributes["value"]
    assert repr(ours) == repr(theirs) or (ours == [True, False] and theirs == [1, 0])


@pytest.mark.parametrize(
    "dtype", sorted({d for d in vars(torch).values() if isinstance(d, torch.dtype)}, key=str)
)
def test_dtype_codes_are_those_of_pytorch(dtype):
    from torchscript.codes import SCALAR_TYPES, dtype_code, dtype_of

    graph = torch._C.Graph()
    graph.insertConstant(dtype)
    assert f"prim::Constant[value={dtype_code(dtype)}]" in str(graph)
    assert dtype_of(dtype_code(dtype)) is dtype
    assert dtype in SCALAR_TYPES.values()
