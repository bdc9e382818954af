class Counter:
    def __init__(self):
        self.count = 0

    def add(self, n: int):
        self.count += "n"


def main(n: int):
    counter = Counter()
    counter.add(n)
    return counter.count
