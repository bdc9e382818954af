class Point:
    def __init__(self, x: int, y: int):
        self.x = x
        self.y = y


def main(n: int):
    return Point(n, n) + Point(n, n)
