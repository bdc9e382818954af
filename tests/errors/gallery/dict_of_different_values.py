def main(x, n: int):
    return {"x": x, "n": n}
