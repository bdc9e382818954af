def main(n: int):
    assert n > 0, f"{m} is not positive"
    return n
