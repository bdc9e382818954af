def main(x, n: int):
    found = []
    found.append(x)
    found.append(n)
    return found
