"""Modules of one class have one compiled method each, wherever they stand."""

import torch
from torch import nn

import torchscript as jit


def test_modules_of_one_class_share_one_compiled_method_wherever_they_are():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return x + self.linear(x)

    module = nn.Sequential(*[Block() for _ in range(3)], nn.Sequential(Block()))
    scripted = jit.script(module)
    x = torch.randn(2, 2)
    torch.testing.assert_close(scripted(x), module(x))
    classes = {block._ts_class for block in scripted.modules() if block.original_name == "Block"}
    assert [list(cls.methods) for cls in classes] == [["forward"]]
    assert [list(block.linear._ts_class.methods) for block in list(scripted)[:3]] == [["forward"]] * 3
