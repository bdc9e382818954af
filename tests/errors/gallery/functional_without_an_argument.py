import torch.nn.functional as F


def main(x):
    return F.conv2d(x)
