def main(n: int):
    a, b = n
    return a
