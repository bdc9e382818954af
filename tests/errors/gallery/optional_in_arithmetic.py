from typing import Optional


def main(x, scale: Optional[float]):
    return x * scale
