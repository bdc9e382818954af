def main(n: int):
    while n > 0:
        n -= 2
        if n == 1:
            break
    else:
        n = 10
    return n
