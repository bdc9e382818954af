namespace = {}
exec("def main(x):\n    return x", namespace)
main = namespace["main"]
