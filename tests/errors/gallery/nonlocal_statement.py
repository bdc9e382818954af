def main(n: int):
    total = 0

    def add(k: int):
        nonlocal total
        total = total + k
        return total

    return [add(i) for i in range(n)]
