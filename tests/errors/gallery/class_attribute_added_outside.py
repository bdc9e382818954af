class Point:
    def __init__(self, x: int, y: int):
        self.x = x
        self.y = y


def main(n: int):
    point = Point(n, n)
    point.z = n
    return point
