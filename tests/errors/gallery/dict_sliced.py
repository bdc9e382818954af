from typing import Dict


def main(d: Dict[str, int]):
    return d[1:]
