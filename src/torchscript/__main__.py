"""`python -m torchscript` is the command `torchscript`."""

from .cli.app import run

if __name__ == "__main__":
    run()
