import enum


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def main(n: int):
    return Color.GREEN == Color.RED
