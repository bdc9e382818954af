count = 0


def main(x):
    global count
    count = count + 1
    return x
