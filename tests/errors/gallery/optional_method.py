from typing import Optional

from torch import Tensor


def main(x: Optional[Tensor]):
    return x.relu()
