from typing import Dict, List


def main(d: Dict[List[int], int]):
    return len(d)
