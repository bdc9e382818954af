def main(x):
    raise "wrong"
