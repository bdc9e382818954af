import torch
from torch import nn


class Main(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        self.count = "many"
        return x
