def main(x):
    return x.rellu()
