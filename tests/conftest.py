"""What all tests share: a torchvision that imports, one seed, one thread, and the comparisons.

A test never spells out what a compiled function should return: it runs the same Python function eagerly
(`assert_agrees`), because eager Python is the truth. Graphs that a test makes go through `check_graph`.
"""

import copy
import importlib.util
import io
import itertools
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torchvision_operators import define_missing

define_missing()  # torchvision imports only after this

# The suite runs in as many processes as there are cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


# --- Running the same thing twice --------------------------------------------------------------------


def assert_same(actual: Any, expected: Any) -> None:
    """The same value of the same type, all the way down: `True` is not `1`, and a tuple is not a list."""
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(actual, expected, equal_nan=True)
        assert actual.requires_grad == expected.requires_grad
        return
    if isinstance(expected, tuple) and type(expected) is not tuple:
        # torch.Size is List[int] here, and torch.return_types.max is a tuple
        assert isinstance(actual, (list, tuple))
        actual, expected = list(actual), list(expected)
    assert type(actual) is type(expected), f"{actual!r} is not of {type(expected)}"
    if isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key])
    else:
        assert actual == expected


def assert_same_run(actual: Callable[..., Any], expected: Callable[..., Any], *inputs: Any) -> None:
    """Both callables, from the same random state, return the same and leave their inputs the same."""
    theirs, ours = copy.deepcopy(inputs), copy.deepcopy(inputs)
    torch.manual_seed(1)
    wanted = expected(*theirs)
    torch.manual_seed(1)
    got = actual(*ours)
    assert_same(got, wanted)
    assert_same(ours, theirs)


@pytest.fixture(name="assert_same")
def assert_same_fixture() -> Callable[[Any, Any], None]:
    return assert_same


@pytest.fixture(name="assert_same_run")
def assert_same_run_fixture() -> Callable[..., None]:
    return assert_same_run


@pytest.fixture
def assert_agrees() -> Callable[..., Any]:
    """`assert_agrees(function, *inputs)` scripts a function, compares it with running it in Python, and
    returns the script function. For more inputs: `assert_same_run(scripted, function, *others)`."""
    import torchscript as jit

    def check(function: Callable[..., Any], *inputs: Any) -> Any:
        scripted = jit.script(function)
        assert_same_run(scripted, function, *inputs)
        assert_graph_is_readable(scripted.graph)
        return scripted

    return check


# --- Graphs ------------------------------------------------------------------------------------------

# What PyTorch's printer writes and PyTorch's own parser cannot read, and what stands for it below.
UNREADABLE_TO_PYTORCH = [
    # classes of Python, and functions as values, have no place in its grammar of types
    (re.compile(r"__torch__(?!\.torch\.classes)(\.\w+)+"), "Any"),
    (re.compile(r"(?<= : )Function\b"), "Any"),
    (re.compile(r"NamedTuple\([^()]*(\([^()]*\)[^()]*)*\)"), "Any"),
    (re.compile(r"Union\[[^\[\]]*(\[[^\[\]]*\][^\[\]]*)*\]"), "Any"),
    # constants other than numbers, strings and lists of them
    (re.compile(r"(?<=\[value=)-?[\d.e+-]+[+-][\d.e-]+j"), "0.j"),
    (re.compile(r"prim::Constant\[value=(<Tensor>|\{[^{}]*\}|\(.*\))\]"), "prim::Constant"),
    (re.compile(r"prim::Constant\[value=[^\"\[\]]*\[ \w+Type\{[\d,]*\} \]\]"), "prim::Constant"),
    (re.compile(r"prim::Constant\[value=\[[{<].*\]\]"), "prim::Constant"),
    # where in a traced module a node comes from
    (re.compile(r", scope: [^#\n]*"), " "),
    # nodes without results
    (re.compile(r"^((?:  )*) = ", re.M), r"\1"),
    # calls of Python functions
    (re.compile(r"= \^\w+\([^()]*\)\("), "= prim::PythonOp("),
]


def assert_graph_is_readable(graph: Any) -> None:
    """A printed graph parses back to the same text, and PyTorch's parser accepts it."""
    from torchscript.ir import parse_graph

    text = str(graph)
    assert str(parse_graph(text)) == text
    for printed, readable in UNREADABLE_TO_PYTORCH:
        text = printed.sub(readable, text)
    torch._C.parse_ir(text)


@pytest.fixture
def check_graph() -> Callable[[Any], None]:
    return assert_graph_is_readable


def operators_of(graph: Any) -> dict[str, int]:
    """How often each operator but constants is in a printed graph: `{"aten::add": 2, "prim::If": 1}`."""
    counts: dict[str, int] = {}
    for name in re.findall(r"= (\w+::\w+)[\[(]", str(graph)):
        if name != "prim::Constant":
            counts[name] = counts.get(name, 0) + 1
    return counts


@pytest.fixture(name="operators_of")
def operators_of_fixture() -> Callable[[Any], dict[str, int]]:
    return operators_of


# --- Errors ------------------------------------------------------------------------------------------


def assert_points_at(message: str, line: str, file: str) -> None:
    """The message names the file, shows the user's line, and has a caret under it."""
    assert os.path.basename(file) in message, message
    shown = message.splitlines()
    beneath = [below for above, below in itertools.pairwise(shown) if line in above]
    assert beneath, f"does not show {line!r}:\n{message}"
    assert any(re.search(r"\^", below) for below in beneath), f"no caret under {line!r}:\n{message}"


@pytest.fixture
def assert_refused() -> Callable[..., str]:
    """`assert_refused(function, line)` compiles a wrong program, wants a CompileError that points at the
    line, and returns its message. `kind` narrows the class of the error, `match` the message."""
    import torchscript as jit

    def check(
        function: Callable[..., Any],
        line: str,
        match: str | None = None,
        kind: type[BaseException] | None = None,
    ) -> str:
        with pytest.raises(kind or jit.CompileError, match=match) as raised:
            jit.script(function)
        assert isinstance(raised.value, jit.Error)
        assert_points_at(str(raised.value), line, function.__code__.co_filename)
        return str(raised.value)

    return check


# --- Programs ----------------------------------------------------------------------------------------


@pytest.fixture
def define(tmp_path: Path) -> Callable[[str], Any]:
    """`define(source)` writes a module with one function or class into a real file, which is where the
    compiler looks for source, imports it, and returns what the source defines last. The module knows
    `math`, `torch`, `F`, `Tensor` and everything of `typing`."""
    numbers = itertools.count()

    def write_and_import(source: str) -> Any:
        name = f"defined_{tmp_path.name}_{next(numbers)}"
        path = tmp_path / f"{name}.py"
        header = "import math\nimport torch\nimport torch.nn.functional as F\nfrom typing import *\n"
        header += "from torch import Tensor\n\n\n"
        path.write_text(header + textwrap.dedent(source).strip() + "\n")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return [value for value in vars(module).values() if getattr(value, "__module__", "") == name][-1]

    return write_and_import


@pytest.fixture(scope="session")
def run_program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_program(path, *arguments, answers="", PYTORCH_JIT="0")` runs a program in its own process, with
    answers as its input and the keywords as environment variables. The test looks at its exit status."""
    import torchscript

    package = Path(torchscript.__file__).parents[1]

    def run(path: Path, *arguments: str, answers: str = "", **variables: str) -> Any:
        search = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")]))
        return subprocess.run(
            [sys.executable, str(path), *arguments],
            input=answers,
            env={**os.environ, "PYTHONPATH": search, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            cwd=path.parent,
        )

    return run


@pytest.fixture
def calls_made():
    """`calls_made(action)`: how many functions an action calls; work that can be counted, as time cannot."""

    def count_calls(action):
        count = 0

        def note(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            action()
        finally:
            sys.setprofile(None)
        return count

    return count_calls


# --- Compiled, and through archives ------------------------------------------------------------------


@pytest.fixture
def assert_everywhere() -> Callable[..., Any]:
    """`assert_everywhere(function_or_module, *inputs)` compares eager mode with the compiled program, with its
    archive as this library reads it, and as PyTorch reads it (`stock=False` leaves that out)."""
    import torchscript as jit

    def check(program: Callable[..., Any], *inputs: Any, stock: bool = True) -> Any:
        scripted = jit.script(program)
        archive = io.BytesIO()
        jit.save(scripted, archive)
        assert_same_run(scripted, program, *inputs)
        archive.seek(0)
        assert_same_run(jit.load(archive), program, *inputs)
        if stock:
            archive.seek(0)
            other = torch.jit.load(archive)  # it copies lists and dicts when it is called
            assert_same_run(
                lambda *given: other(*copy.deepcopy(given)),
                lambda *given: program(*copy.deepcopy(given)),
                *inputs,
            )
        return scripted

    return check
