"""Every case of the `.test` files: a graph, and below `[out]` the source that is written for it.

To write the outputs anew, run `python -m archive_write.test_source_text` in the folder `tests`, and look at
the difference before committing it. Stock PyTorch must read every one.
"""

import re
from pathlib import Path

import pytest

from torchscript.archive.writer import save_to_buffer
from torchscript.codegen.source import code
from torchscript.ir import parse_graph, verify

from .support import function_of, stock_load

HERE = Path(__file__).parent
CASE = re.compile(r"\[case ([^\n]+)\]\n(.*?)\n\[out\]\n?(.*?)(?=\n*\[case |\Z)", re.DOTALL)


def cases():
    for path in sorted(HERE.glob("*.test")):
        for name, given, wanted in CASE.findall(path.read_text()):
            yield pytest.param(given, wanted.strip(), id=f"{path.stem}: {name}")


def function_from(text):
    graph = parse_graph(text)
    verify(graph)
    return function_of(graph)


@pytest.mark.parametrize(("given", "wanted"), list(cases()))
def test_source(given, wanted):
    function = function_from(given)
    assert code(function).strip() == wanted
    if "^" not in wanted:
        stock_load(save_to_buffer(function))


def rewrite():
    for path in sorted(HERE.glob("*.test")):
        cases = [
            f"[case {m[1]}]\n{m[2]}\n[out]\n{code(function_from(m[2])).strip()}"
            for m in CASE.finditer(path.read_text())
        ]
        path.write_text("\n\n".join(cases) + "\n")


if __name__ == "__main__":
    rewrite()
