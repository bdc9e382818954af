def main(n: int) -> int:
    if n < 2:
        return 1
    return n * main(n - 1)
