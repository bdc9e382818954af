def main(x):
    return len(locals())
