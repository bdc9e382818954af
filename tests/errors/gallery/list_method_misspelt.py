from typing import List


def main(xs: List[int]):
    xs.push(1)
    return xs
