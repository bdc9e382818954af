"""The library works where every entry point of torch.jit raises, and its source names none of them."""

import ast
import json
from pathlib import Path

import pytest

import torchscript

HERE = Path(__file__).parent

# --- Running it --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, run_program):
    run = run_program(HERE / "poisoned_program.py", str(tmp_path_factory.mktemp("poisoned")))
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout[run.stdout.index("{") :])


JOBS = [
    "script a function",
    "trace a function",
    "script a module",
    "trace a module",
    "script resnet18",
    "trace resnet18",
    "a subclass of ScriptModule",
    "refuse a wrong program",
]


@pytest.mark.parametrize("job", JOBS)
def test_the_library_works_without_torch_jit(outcomes, job):
    outcome = outcomes["torchscript"][job]
    # also where the library would have caught the poison's error
    assert outcome["touched"] == [], outcome["error"]
    assert outcome["error"] is None, outcome["error"]


def test_all_jobs_are_looked_at(outcomes):
    assert set(outcomes["torchscript"]) == set(JOBS)


def test_the_poison_works(outcomes):
    assert outcomes["torch.jit"]
    for name, outcome in outcomes["torch.jit"].items():
        assert outcome["error"] is not None, f"{name} is not poisoned"
        assert outcome["touched"]


def test_the_poison_hurts_nothing_else(outcomes):
    assert outcomes["torch without jit"]["touched"] == []


# --- Reading it --------------------------------------------------------------------------------------

SOURCE = Path(torchscript.__file__).parents[1]
FILES = sorted(path for name in ("torchscript", "torchscript_cli") for path in (SOURCE / name).rglob("*.py"))

# Attributes of torch._C that belong to torch.jit
FORBIDDEN = {
    "CompilationUnit",
    "ConcreteModuleType",
    "Graph",
    "ScriptFunction",
    "ScriptMethod",
    "ScriptModule",
    "import_ir_module",
    "import_ir_module_from_buffer",
    "parse_ir",
}
FORBIDDEN_PREFIXES = ("_jit_", "_create_", "_import_ir_module")


def is_forbidden(name: str) -> bool:
    return name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIXES)


def uses_of_torch_jit(tree: ast.AST) -> list[str]:
    """Imports and uses of torch.jit, and of its part of torch._C. Names of marks in strings are data."""
    found = []

    def report(node: ast.AST, what: str) -> None:
        found.append(f"line {node.lineno}: {what}")

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "torch.jit" or alias.name.startswith(("torch.jit.", "torch._C._jit")):
                    report(node, f"import {alias.name}")
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            for alias in node.names:
                name = f"{module}.{alias.name}"
                if name == "torch.jit" or name.startswith(("torch.jit.", "torch._C._jit")):
                    report(node, f"from {module} import {alias.name}")
                elif module == "torch._C" and (is_forbidden(alias.name) or alias.name == "*"):
                    report(node, f"from torch._C import {alias.name}")
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner == "torch" and node.attr == "jit":
                report(node, "torch.jit")
            elif owner.split(".")[-1] == "_C" and is_forbidden(node.attr):
                report(node, f"{owner}.{node.attr}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "attrgetter", "hasattr"):
            name = node.args[-1] if len(node.args) == 1 else node.args[1]
            owner = ast.unparse(node.args[0])
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                if owner.split(".")[-1] == "_C" and is_forbidden(name.value):
                    report(node, f"getattr({owner}, {name.value!r})")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            name = node.args[0]
            if isinstance(name, ast.Constant) and str(name.value).startswith("torch.jit"):
                report(node, f"import_module({name.value!r})")
    return found


def test_there_is_source_to_read():
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_the_source_does_not_name_torch_jit(path):
    assert uses_of_torch_jit(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "program",
    [
        "import torch.jit",
        "import torch.jit.frontend as f",
        "from torch import jit",
        "from torch.jit import script",
        "from torch.jit._script import script",
        "from torch._C import Graph",
        "from torch._C import _jit_get_all_schemas as schemas",
        "torch.jit.script(f)",
        "torch._C._jit_pass_inline(g)",
        "torch._C.Graph()",
        "_C.CompilationUnit()",
        "torch._C.import_ir_module(x)",
        "getattr(torch._C, '_jit_get_operation')",
        "importlib.import_module('torch.jit._recursive')",
    ],
)
def test_uses_are_found(program):
    assert uses_of_torch_jit(ast.parse(program))


@pytest.mark.parametrize(
    "program",
    [
        "import torch",
        "from torch._C import FunctionSchema",
        "MARKS = {'torch.jit.ignore', 'torch.jit.is_scripting'}",
        "getattr(sys.modules['torch'], 'jit')",
        "from .graph import Graph",
        "graph.Graph()",
        "jit.script(f)",
    ],
)
def test_data_is_no_use(program):
    assert uses_of_torch_jit(ast.parse(program)) == []
