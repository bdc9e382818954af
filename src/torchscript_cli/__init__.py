"""The command `torchscript`. `app.py` is the program, `commands/` has one module per command.

A package of its own, since importing anything of `torchscript` imports torch, which takes seconds; so help, shell
completion and wrong usage are answered at once. Nothing here imports `torchscript` before a command runs.
"""


def run() -> None:
    """The console script."""
    import sys

    try:
        from .app import main
    except KeyboardInterrupt:  # the first tenths of a second
        sys.exit(130)
    sys.exit(main())
