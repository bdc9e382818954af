def main(x: float):
    total = 0
    for i in range(x):
        total += i
    return total
