from typing import Optional


def double(n: int):
    return 2 * n


def main(n: Optional[int]):
    return double(n)
