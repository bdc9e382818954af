async def fetch(x):
    return x


def main(x):
    return fetch(x)
