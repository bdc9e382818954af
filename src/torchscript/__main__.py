"""`python -m torchscript` is the command `torchscript`."""

from torchscript_cli import run

if __name__ == "__main__":
    run()
