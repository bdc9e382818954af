def main(name: str):
    name[0] = "a"
    return name
