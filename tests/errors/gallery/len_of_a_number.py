def main(n: int):
    return len(n)
