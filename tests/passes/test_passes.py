"""Every case of the `.test` files: a graph, and below `[out]` what the pass named like the file makes of it.

    [case name]
    graph(%x : Tensor): …
    [out]
    graph(%x.1 : Tensor): …

`[same]` in the place of `[out]` says that the pass leaves the graph alone. To write the outputs anew, run
`python tests/passes/test_passes.py`, and look at the difference before committing it.
"""

import re
from pathlib import Path

import pytest

from torchscript.ir import parse_graph, print_graph, verify
from torchscript.passes import PASSES

HERE = Path(__file__).parent
CASE = re.compile(r"\[case ([^\n]+)\]\n(.*?)\n\[(out|same)\]\n(.*?)(?=\n*\[case |\Z)", re.DOTALL)


def cases():
    for path in sorted(HERE.glob("*.test")):
        for name, given, outcome, wanted in CASE.findall(path.read_text()):
            yield pytest.param(path.stem, given, outcome, wanted.strip(), id=f"{path.stem}: {name}")


@pytest.mark.parametrize(("name", "given", "outcome", "wanted"), list(cases()))
def test_pass(name, given, outcome, wanted):
    graph = parse_graph(given)
    verify(graph)
    before = print_graph(graph)
    changed = PASSES[name](graph)
    verify(graph)
    after = print_graph(graph)
    assert print_graph(parse_graph(after)) == after
    assert changed == (outcome == "out")
    assert after.strip() == (before.strip() if outcome == "same" else wanted)
    PASSES[name](graph)
    verify(graph)


def test_every_pass_has_cases():
    # graphs in text hold no classes with methods, and no weights: test_inline.py, test_freezing.py
    assert {path.stem for path in HERE.glob("*.test")} | {"inline", "bnfold", "onednn", "linears"} == set(
        PASSES
    )


def rewrite():
    for path in sorted(HERE.glob("*.test")):

        def one(match):
            graph = parse_graph(match[2])
            changed = PASSES[path.stem](graph)
            outcome = f"[out]\n{print_graph(graph)}" if changed else "[same]\n"
            return f"[case {match[1]}]\n{match[2]}\n{outcome}"

        cases = [one(match).rstrip("\n") for match in CASE.finditer(path.read_text())]
        path.write_text("\n\n".join(cases) + "\n")


if __name__ == "__main__":
    rewrite()
