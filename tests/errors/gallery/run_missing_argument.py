import torch


def main(x, n: int):
    return x * n


arguments = (torch.ones(1),)
