"""The command `torchscript`. `app.py` is the program, `commands/` has one module per command.

A package of its own, since importing anything of `torchscript` imports torch, which takes seconds; so help, shell
completion and wrong usage are answered at once. Nothing here imports `torchscript` before a command runs.
"""


def run() -> None:
    """The console script."""
    import signal
    import sys

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be ignored, in the background
        signal.signal(signal.SIGINT, _interrupted)
    try:
        from .app import main
    except KeyboardInterrupt:  # the first tenths of a second
        sys.exit(130)
    sys.exit(main())


def _interrupted(number: int, frame: object) -> None:
    """Ctrl-C. An exception could go through the C++ of modules that are being loaded, which ends the process with a
    message of its own, or be swallowed there; and nothing is begun that would have to be ended."""
    import os
    import sys

    for name in ("torch", "torchscript"):
        if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
            os._exit(130)
    raise KeyboardInterrupt
