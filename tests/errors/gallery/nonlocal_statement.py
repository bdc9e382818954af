def main(n: int):
    total = 0

    def add(k: int):
        nonlocal total
        total = total + k

    add(n)
    return total
