"""`python -m torchscript` is the command `torchscript`."""

from torchscript_cli.app import run

if __name__ == "__main__":
    run()
