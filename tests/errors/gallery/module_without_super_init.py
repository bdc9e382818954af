import torch
from torch import nn


class Main(nn.Module):
    def __init__(self):
        self.scale = 2

    def forward(self, x):
        return x * self.scale
