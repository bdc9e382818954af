def scale(x, by: float):
    return x * by


def main(x):
    return scale(x)
