def main(n: int, name: str):
    return name < n
