"""One module per command: `commands/cache_path.py` holds the function `cache_path`, which is the command `cache-path`.

A module added here is a command, nothing else has to know it. At its top it imports `typer` and what else is
light; torch and the rest of the library are imported inside the function, so that help and completion are quick.
A function that returns normally has succeeded; `app.No` ends it with the answer "no" (exit code 1).
"""
