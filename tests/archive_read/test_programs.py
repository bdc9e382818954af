"""Archives of torch.jit.save: they import to graphs like torch.jit.load's, and run like the eager module."""

import copy
import traceback
from collections import Counter
from typing import Any

import pytest
import torch

import torchscript as jit
from torchscript import types as T
from torchscript.archive.reader import LoadedArchive, read_archive
from torchscript.ir import Graph, verify

from .conftest import module, saved, scripted, stock, traced
from .programs import PROGRAMS, Traceable, helper


def check_graphs(archive: LoadedArchive, check_graph: Any) -> None:
    for function in archive.functions():
        verify(function.graph)
        check_graph(function.graph)


def operators(graph: Any) -> Counter[str]:
    """Nodes by kind; the kinds that PyTorch's importer simplifies on its way are left out."""
    skipped = ("prim::Constant", "prim::Uninitialized", "prim::ListConstruct", "prim::TupleConstruct")
    found: Counter[str] = Counter()

    def walk(block: Any) -> None:
        for node in block.nodes() if callable(block.nodes) else block.nodes:
            kind = node.kind() if callable(node.kind) else node.kind
            if kind not in skipped:
                found[kind] += 1
            for inner in node.blocks() if callable(node.blocks) else node.blocks:
                walk(inner)

    walk(graph.block if isinstance(graph, Graph) else graph)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_scripted_modules_run_as_eager_python(name: str, assert_same: Any, check_graph: Any) -> None:
    make, inputs = PROGRAMS[name]
    module = make()
    data = saved(scripted(module))
    check_graphs(read_archive(data), check_graph)
    theirs, ours = copy.deepcopy(inputs), copy.deepcopy(inputs)
    loaded = jit.load(data)
    if name == "state":
        module.n += 1
    if name == "attributes":
        # what torch.jit.Attribute says is for the compiled module
        module.counts, module.list, module.missing = {"a": 1}, [torch.ones(1)], None
    assert_same(loaded.forward(*ours), module(*theirs))


@pytest.mark.parametrize("name", ["lstm loop", "containers", "control flow", "attributes"])
def test_graphs_are_those_of_pytorch(name: str) -> None:
    data = saved(scripted(PROGRAMS[name][0]()))
    ours, theirs = read_archive(data), stock(data)
    for part in theirs.modules():
        cls = ours.importer.type_named(part._c._type().qualified_name())
        assert isinstance(cls, T.ClassType)
        for method in part._c._method_names():
            graph = cls.methods[method].graph
            assert operators(graph) == operators(part._c._get_method(method).graph)


def test_traced_module(assert_same: Any, check_graph: Any) -> None:
    module, inputs = Traceable(), (torch.rand(4, 4), torch.rand(4, 4))
    data = saved(traced(module, *inputs))
    archive = read_archive(data)
    check_graphs(archive, check_graph)
    assert list(archive.traced_inputs()) == ["forward"]
    assert_same(jit.load(data)(*inputs), module(*inputs))


def test_function(assert_same: Any) -> None:
    data = saved(scripted(helper))
    x = torch.rand(3)
    loaded = jit.load(data)
    assert_same(loaded(x, None, 2), helper(x, None, 2))
    assert_same(loaded(x, x, 2), helper(x, x, 2))


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5"])
def test_torchvision(name: str, how: str, assert_same: Any) -> None:
    models = pytest.importorskip("torchvision").models
    model = getattr(models, name)(weights=None).eval()
    x = torch.rand(1, 3, 64, 64)
    compiled = scripted(model) if how == "script" else traced(model, x)
    data = saved(compiled)
    for function in read_archive(data).functions():
        verify(function.graph)
    with torch.no_grad():
        torch.testing.assert_close(jit.load(data)(x), model(x))


def test_a_variable_that_a_loop_widens() -> None:
    # torch.jit.save writes this and torch.jit.load does not read it
    data = module(
        """
def forward(n: int) -> Optional[int]:
  z = None
  for i in range(n):
    if torch.gt(i, 1):
      y : Optional[int] = i
    else:
      y = None
    z = y
  return z
"""
    )
    assert [jit.load(data).forward(n) for n in (0, 2, 4)] == [None, None, 3]


def test_code_is_shown_in_tracebacks() -> None:
    loaded = jit.load(saved(scripted(PROGRAMS["control flow"][0]())))
    with pytest.raises(Exception, match="three of 30") as raised:
        loaded.forward(torch.rand(3, 4), 30, False)
    text = "".join(traceback.format_exception(raised.value))
    assert "code/__torch__/" in text
    assert "ops.prim.RaiseException" in text


def test_tolist() -> None:
    data = module(
        """
def forward(x: Tensor) -> List[List[float]]:
  rows = annotate(List[List[float]], (x).tolist())
  return rows
"""
    )
    assert jit.load(data)(torch.ones(1, 2)) == [[1.0, 1.0]]


def test_methods_compile_when_their_graphs_are_read() -> None:
    archive = read_archive(saved(scripted(PROGRAMS["attributes"][0]())))
    archive.instantiate(lambda cls, attributes: (cls, attributes))
    forward = archive.root_class.methods["forward"]
    assert forward._graph is None
    assert str(forward.schema).endswith("Tensor x) -> Tensor")
    assert forward.graph is forward.graph
