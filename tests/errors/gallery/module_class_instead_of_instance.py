from torch import nn

main = nn.Linear
