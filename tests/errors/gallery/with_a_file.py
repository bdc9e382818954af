def main(x):
    with open("log.txt") as log:
        return x
