"""Every case of the `.test` files: a graph, and below `[out]` the Python that is generated for it.

To write the outputs anew, run `python tests/codegen_python/test_golden.py`, and look at the difference before
committing it.
"""

import re
from pathlib import Path

import pytest

from torchscript.codegen.python import emit_source
from torchscript.ir import Function, parse_graph, verify

HERE = Path(__file__).parent
CASE = re.compile(r"\[case ([^\n]+)\]\n(.*?)\n\[out\]\n?(.*?)(?=\n*\[case |\Z)", re.DOTALL)


def cases():
    for path in sorted(HERE.glob("*.test")):
        for name, given, wanted in CASE.findall(path.read_text()):
            yield pytest.param(given, wanted.strip(), id=f"{path.stem}: {name}")


def generated(text):
    graph = parse_graph(text)
    verify(graph)
    return emit_source(Function("__torch__.f", graph, None)).strip()


@pytest.mark.parametrize(("given", "wanted"), list(cases()))
def test_golden(given, wanted):
    assert generated(given) == wanted


def rewrite():
    for path in sorted(HERE.glob("*.test")):
        cases = [f"[case {m[1]}]\n{m[2]}\n[out]\n{generated(m[2])}" for m in CASE.finditer(path.read_text())]
        path.write_text("\n\n".join(cases) + "\n")


if __name__ == "__main__":
    rewrite()
