from typing import List, Optional


def main(xs: Optional[List[int]]):
    return xs[0]
