def main(x, n: int):
    a, b, c = x, n
    return a
