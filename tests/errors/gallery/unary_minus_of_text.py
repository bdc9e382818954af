def main(name: str):
    return -name
