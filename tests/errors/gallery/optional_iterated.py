from typing import List, Optional


def main(xs: Optional[List[int]]):
    total = 0
    for x in xs:
        total += x
    return total
