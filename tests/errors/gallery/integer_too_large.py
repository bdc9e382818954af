def main(n: int):
    return n + 100000000000000000000
