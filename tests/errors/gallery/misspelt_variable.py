def main(values):
    return value + 1
