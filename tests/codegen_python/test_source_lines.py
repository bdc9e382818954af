"""Generated code stands at the user's lines: tracebacks, tracing and variables show the user's program."""

import linecache
import sys
import traceback

import pytest

from torchscript import types as T
from torchscript.codegen.python import compile_function
from torchscript.ir import Graph

from .graphs import Text, function, loop, operator

PROGRAM = """\
def total(n: int, k: int):
    s = 0
    for i in range(n):
        part = i // k
        s = s + part
    return s * 2
"""


def program(text):
    graph = Graph("total")
    block = graph.block
    n, k = block.add_parameter(T.INT, "n"), block.add_parameter(T.INT, "k")
    zero = block.constant(0, T.INT, text.at("0"))
    true = block.constant(True, T.BOOL, text.at("for i in range(n)"))
    s = loop(block, n, true, zero)
    s.source = text.at("for i in range(n)")
    body = s.blocks[0]
    body.parameters[0].name, body.parameters[1].name, s.outputs[0].name = "i", "s", "s"
    part = operator(body, "aten::floordiv", body.parameters[0], k, name="part", source=text.at("i // k"))
    body.add_output(true)
    body.add_output(
        operator(body, "aten::add", body.parameters[1], part, name="s", source=text.at("s + part"))
    )
    two = block.constant(2, T.INT, text.at("2"))
    block.add_output(operator(block, "aten::mul", s.outputs[0], two, source=text.at("s * 2")))
    return function(graph, "total", text.at("def total"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "user.py"
    path.write_text("# a comment\n\n" + PROGRAM)
    return str(path)


@pytest.fixture
def compiled(file):
    return compile_function(program(Text(PROGRAM, file, first_line=3)))


def test_it_runs(compiled):
    assert compiled(10, 2) == 40


def test_traceback_shows_the_users_line(compiled, file):
    with pytest.raises(ZeroDivisionError) as raised:
        compiled(3, 0)
    (frame,) = [f for f in traceback.extract_tb(raised.tb) if f.filename == file]
    assert (frame.lineno, frame.name, frame.line) == (6, "total", "part = i // k")
    if sys.version_info >= (3, 11):
        assert (frame.colno, frame.end_colno) == (15, 21)


def test_tracing_visits_the_users_lines(compiled, file):
    visited = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename == file:
            visited.append((event, frame.f_lineno))
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        compiled(2, 1)
    finally:
        sys.settrace(previous)
    lines = [line for event, line in visited if event == "line"]
    assert visited[0] == ("call", 3)
    assert lines == [4, 5, 6, 7, 5, 6, 7, 5, 8]


def test_frames_have_the_users_variables(compiled):
    with pytest.raises(ZeroDivisionError) as raised:
        compiled(3, 0)
    assert raised.traceback[-1].frame.f_locals == {"n": 3, "k": 0, "s": 0, "i": 0}


def test_names(compiled):
    code = compiled.__code__
    assert (compiled.__name__, code.co_name, code.co_firstlineno) == ("total", "total", 3)
    assert code.co_varnames[:2] == ("n", "k")
    assert compiled(k=2, n=10) == 40


def test_text_that_is_not_on_disk():
    text = Text(PROGRAM, "code/__torch__/total.py")
    with pytest.raises(ZeroDivisionError) as raised:
        compile_function(program(text))(3, 0)
    assert traceback.extract_tb(raised.tb)[-1].line == "part = i // k"


def test_code_without_source_shows_itself():
    graph = Graph()
    x, y = graph.block.add_parameter(T.INT, "x"), graph.block.add_parameter(T.INT, "y")
    graph.block.add_output(operator(graph.block, "aten::floordiv", x, y))
    compiled = compile_function(function(graph, "quotient"))
    filename = compiled.__code__.co_filename
    assert filename == "<torchscript __torch__.quotient>"
    assert linecache.getline(filename, 2) == "    return x // y\n"
    with pytest.raises(ZeroDivisionError) as raised:
        compiled(1, 0)
    assert traceback.extract_tb(raised.tb)[-1].line == "return x // y"


def test_columns_are_characters(tmp_path):
    line = 'def f(x: int, y: int): return "é" + str(x // y)'
    text = Text(line, str(tmp_path / "umlaut.py"))
    (tmp_path / "umlaut.py").write_text(line)
    graph = Graph()
    x, y = graph.block.add_parameter(T.INT, "x"), graph.block.add_parameter(T.INT, "y")
    graph.block.add_output(operator(graph.block, "aten::floordiv", x, y, source=text.at("x // y")))
    with pytest.raises(ZeroDivisionError) as raised:
        compile_function(function(graph, "f", text.at("def f")))(1, 0)
    shown = "".join(traceback.format_tb(raised.tb)[-1:])
    if sys.version_info >= (3, 11):
        code, carets = shown.splitlines()[1:3]
        assert code.index("x // y") == carets.index("~~^^~~")


def test_another_file_inlined(file):
    """Nodes of an inlined function stand where the caller does."""
    text, other = (
        Text(PROGRAM, file, first_line=3),
        Text("\n" * 90 + "def helper(x): return x // 0", "helper.py"),
    )
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "n")
    y = operator(graph.block, "aten::add", x, x, name="y", source=text.at("s = 0"))
    z = operator(graph.block, "aten::floordiv", y, graph.block.constant(0, T.INT), source=other.at("x // 0"))
    graph.block.add_output(z)
    with pytest.raises(ZeroDivisionError) as raised:
        compile_function(function(graph, "total", text.at("def total")))(1)
    assert traceback.extract_tb(raised.tb)[-1].lineno in (3, 4)
