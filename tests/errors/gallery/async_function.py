async def main(x):
    return x
