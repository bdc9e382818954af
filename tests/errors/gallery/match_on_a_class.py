def main(x: int):
    match x:
        case int(value):
            return value
    return 0
