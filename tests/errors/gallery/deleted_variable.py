def main(x):
    del x
    return x
