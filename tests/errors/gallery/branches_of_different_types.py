def main(x):
    if x.sum() > 0:
        scale = 2
    else:
        scale = "two"
    return scale
