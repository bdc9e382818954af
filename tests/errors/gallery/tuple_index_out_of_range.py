def main(x, n: int):
    pair = (x, n)
    return pair[2]
