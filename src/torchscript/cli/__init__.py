"""The command `torchscript`. `app.py` is the program, `commands/` has one module per command."""
