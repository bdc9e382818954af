class Config:
    def __repr__(self):
        return "Config"


CONFIG = object()


def main(x):
    return CONFIG
