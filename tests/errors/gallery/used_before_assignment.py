def main(n: int):
    total += n
    return total
