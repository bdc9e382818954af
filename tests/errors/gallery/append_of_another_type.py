from typing import List


def main(n: int):
    names: List[str] = []
    names.append(n)
    return names
