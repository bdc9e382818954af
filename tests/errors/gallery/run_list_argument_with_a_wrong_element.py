from typing import List


def main(xs: List[int]):
    return sum(xs)


arguments = ([1, "two"],)
