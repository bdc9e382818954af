from typing import NamedTuple


class Point(NamedTuple):
    x: int
    y: int


def main(n: int):
    return Point(n)
