import torch
from torch import nn


class Main(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            self.last = x
        return self.lost
