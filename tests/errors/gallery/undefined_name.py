def main(x):
    return x + offset
