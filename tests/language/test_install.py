"""`install()`: programs that import torch.jit get this library."""

import io
import subprocess
import sys
import textwrap

import torch

import torchscript as jit

X = torch.ones(2)


def test_the_names_of_torch_jit_mean_ours():
    own = torch.jit.script
    with jit.install():
        assert torch.jit.script is jit.script and torch.jit.load is jit.load

        @torch.jit.script
        def double(x: torch.Tensor):
            return x * 2

        assert isinstance(double, jit.ScriptFunction)
        traced = torch.jit.trace(lambda x: x + 1, X)
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer)
        buffer.seek(0)
        assert isinstance(torch.jit.load(buffer), torch.jit.ScriptModule)
    assert torch.jit.script is own


def test_uninstall_undoes_all():
    own = torch.jit.script
    jit.install()
    jit.install()
    jit.uninstall()
    assert torch.jit.script is own


def test_a_program_that_cannot_be_changed(tmp_path):
    library = tmp_path / "library.py"
    library.write_text(
        textwrap.dedent(
            """
            from torch import jit, nn

            @jit.script
            def gate(x):
                return x.sigmoid() * x

            class Block(jit.ScriptModule):
                __constants__ = ["n"]

                def __init__(self):
                    super().__init__()
                    self.n = 3

                @jit.script_method
                def forward(self, x):
                    for _ in range(self.n):
                        x = gate(x)
                    return x
            """
        )
    )
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import torchscript
            torchscript.install()
            import library, torch
            block = library.Block()
            assert isinstance(block, torchscript.ScriptModule), type(block)
            assert isinstance(library.gate, torchscript.ScriptFunction)
            x = torch.ones(2)
            y = x
            for _ in range(3):
                y = y.sigmoid() * y
            torch.testing.assert_close(block(x), y)
            print("ran")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "ran\n", done.stderr
