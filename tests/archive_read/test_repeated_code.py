"""Code that is built more often than it is written: loops whose variables widen, closures that are forked twice."""

import time

import pytest

import torchscript as jit
from torchscript.archive.reader import read_archive

from .conftest import module


def compiled(*lines: str) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    archive = read_archive(module(f"def forward(x: Tensor) -> Tensor:\n{body}  return x\n"))
    begin = time.process_time()
    try:
        archive.compile_all()
    finally:
        assert time.process_time() - begin < 3
    return str(archive.root_class.methods["forward"].graph)


def test_nested_loops_that_widen_a_variable_each() -> None:
    """Two to the thirtieth builds, if each loop found anew what the loops inside it carry."""
    lines: list[str] = []
    for depth in range(30):
        indent = "  " * depth
        lines += [f"{indent}v{depth} = None", f"{indent}for i{depth} in range(2):", f"{indent}  v{depth} = 1"]
    graph = compiled(*lines)
    assert graph.count("int?") >= 30


def test_a_type_that_never_stops_widening() -> None:
    with pytest.raises(jit.ArchiveError, match="a type has too many parts"):
        compiled("v = (1, 1)", "for i in range(3):", "  v = (v, v)")


def test_closures_that_fork_each_other_twice() -> None:
    lines = ["def c0() -> Tensor:", "  return x"]
    for number in range(1, 30):
        lines += [
            f"def c{number}() -> Tensor:",
            f"  a = fork(c{number - 1})",
            f"  b = fork(c{number - 1})",
            "  return x",
        ]
    with pytest.raises(jit.ArchiveError, match="the function stands for far more code than it is"):
        compiled(*lines, "z = fork(c29)")
    assert compiled(*lines[:10], "z = fork(c2)").count("prim::fork") == 7
