def main(n: int):
    pair = (n, n)
    pair[0] = 3
    return pair
