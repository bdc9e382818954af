from typing import Callable


def main(x: int, f: Callable[[int], int]):
    return f(x)
