import torch
from torch import nn


class Main(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"first": nn.Linear(2, 2)})

    def forward(self, x):
        return self.layers["second"](x)
