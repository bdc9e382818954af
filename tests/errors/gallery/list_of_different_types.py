def main(x, n: int):
    values = [x, n]
    return values
