from typing import Dict


def main(d: Dict):
    return len(d)


arguments = ({},)
