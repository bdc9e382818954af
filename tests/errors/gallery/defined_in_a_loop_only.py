def main(n: int):
    for i in range(n):
        last = i
    return last
