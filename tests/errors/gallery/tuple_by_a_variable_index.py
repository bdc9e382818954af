def main(x, i: int):
    pair = (x, "name")
    return pair[i]
