def main(n: int):
    return lambda k: k + n
