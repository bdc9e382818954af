import torch
from torch import nn


class Main(nn.Module):
    def __init__(self):
        super().__init__()
        self.bilinear = nn.Bilinear(2, 2, 2)

    def forward(self, x):
        return self.bilinear(x)
