def scale(x, by: float):
    return x * by


def main(x):
    return scale(x, 2.0, by=3.0)
