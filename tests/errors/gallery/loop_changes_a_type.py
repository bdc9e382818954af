def main(n: int):
    total = 0
    for i in range(n):
        total = total + i / 2
    return total
