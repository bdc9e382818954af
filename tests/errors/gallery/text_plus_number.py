def main(n: int):
    return "n = " + n
