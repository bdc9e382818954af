def main(x):
    return x.tolist()
