def main(x):
    name = input()
    return x
