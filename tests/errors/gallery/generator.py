def main(n: int):
    for i in range(n):
        yield i
