def main(x, n: int):
    return x * n


arguments = (3, 2.5)
