import torch


def main(x, n):
    return x * n


arguments = (torch.ones(1), object())
