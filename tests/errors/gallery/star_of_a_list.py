from typing import List


def add(a: int, b: int):
    return a + b


def main(xs: List[int]):
    return add(*xs)
