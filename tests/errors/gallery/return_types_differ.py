def main(x, n: int):
    if n > 0:
        return x
    return n
