"""Random programs (tests/fuzz) as native code, all in one library, against Python."""

import warnings

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

import torchscript
from tests.fuzz.programs import programs
from tests.fuzz.running import Runner, _difference, _run

COUNT = 60


class Native(Runner):
    """Lists and dicts that come back are copies, so which are one object cannot be seen; prints go the same way."""

    name = "native"
    sees_effects = False


def collected(seed_of_all):
    found = []

    @seed(seed_of_all)
    @settings(
        max_examples=COUNT,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def collect(program):
        found.append(program)

    collect()
    return found


def test_random_programs(capfd):
    from torchscript.native.api import compile_functions

    cases = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for program in collected(20):
            module = program.define()
            entry = program.entry(module)
            if not isinstance(entry, torch.nn.Module):
                cases.append((program, module, entry, torchscript.script(entry)))
        compiled = compile_functions([scripted for *_, scripted in cases])
    assert len(compiled) > COUNT // 2
    for (program, module, entry, _), native in zip(cases, compiled):
        runner = Native()
        for wanted, got in zip(_run(program, module, entry), _run(program, module, native, runner)):
            if wanted.error is not None and type(wanted.error) is not AssertionError:
                break  # optimised code may lose what raises and has no result that is used
            difference = _difference(got, wanted, runner)
            assert not difference, f"{difference}\nPython:\n  {wanted}\nnative:\n  {got}\n\n{program}"
        program.forget()


def test_prints_go_where_those_of_python_go(capsys):
    @torchscript.script
    def show(x: torch.Tensor, n: int) -> int:
        print("n is", n, x)
        return n

    native = torchscript.compile(show)
    assert native(torch.arange(3.0), 4) == 4
    print("after")
    assert capsys.readouterr().out == "n is 4 tensor([0., 1., 2.])\nafter\n"
