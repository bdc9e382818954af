from typing import List


def main(xs: List[int]):
    return xs * xs
