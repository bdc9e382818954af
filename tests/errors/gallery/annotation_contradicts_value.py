def main(x: int):
    count: int = "none"
    return x + count
