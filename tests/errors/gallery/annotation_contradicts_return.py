from typing import List


def main(x: int) -> List[int]:
    return x + 1
