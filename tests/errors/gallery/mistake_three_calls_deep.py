def inner(x, n: int):
    return x + nn


def middle(x):
    return inner(x, 1)


def main(x):
    return middle(x)
