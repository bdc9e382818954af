"""The program `torchscript`: finds the command, runs it, and turns errors into one line.

exit code 0    done
          1    done, and the answer is no (diff: they differ; verify: it is broken)
          2    not done: wrong arguments, a file that cannot be read, …
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from . import commands

TRACEBACK = "TORCHSCRIPT_TRACEBACK"
"""Environment variable that shows tracebacks, as `--traceback` does."""


class No(Exception):
    """The answer of a command is no; it has said why."""


def command_names() -> list[str]:
    return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(commands.__path__))


class _Commands(TyperGroup):
    """The commands of the folder `commands`, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return command_names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in command_names():
            for name in command_names():  # the error suggests names that are alike
                self._load(name)
            return None
        return self._load(cmd_name)

    def _load(self, name: str) -> Any:
        if name not in self.commands:
            module_name = name.replace("-", "_")
            module = importlib.import_module(f"{commands.__name__}.{module_name}")
            function = getattr(module, module_name)
            single = typer.Typer(add_completion=False)
            single.command(name, help=_unwrapped(inspect.getdoc(function) or ""))(function)
            self.commands[name] = typer.main.get_command(single)
        return self.commands[name]


def _unwrapped(text: str) -> str:
    """Each paragraph in one line, which the terminal's width then wraps."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


app = typer.Typer(
    name="torchscript",
    cls=_Commands,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        found = []
        for name in ("torchscript", "torch"):
            try:
                found.append(f"{name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                found.append(f"{name} (not installed, run from its source)")
        typer.echo(", ".join(found))
        raise typer.Exit


@app.callback()
def _main(
    show_traceback: Annotated[  # `main` looks for it, as it is the one to meet the error
        bool, typer.Option("--traceback", envvar=TRACEBACK, help="Show Python tracebacks of errors.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show versions and exit.")
    ] = False,
) -> None:
    """Look into Torch Script archives (.pt), run, compare, check and convert them.

    Each command has its own help: torchscript info --help
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the program. Returns the exit code."""
    given = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell: `torchscript info x.pt >&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        with _warnings():
            result = app(given, prog_name="torchscript", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except No:
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if "--traceback" in given or os.environ.get(TRACEBACK):
            traceback.print_exc()
        return _report(error, as_json="--json" in given)


@contextlib.contextmanager
def _warnings() -> Iterator[None]:
    """Show warnings in a line each, without what PyTorch deprecates, unless `python -W` asks for something else."""
    if sys.warnoptions:
        yield
        return

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        place = f" ({filename}:{lineno})" if ":code/" in filename else ""
        print(f"torchscript: warning: {_first_line(str(message), message)}{place}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        for ignored in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", ignored)
        for text in (
            r"torch\.quantize_per_tensor",  # a deprecation by its text
            r"Failed to initialize NumPy",  # which what needs it says
        ):
            warnings.filterwarnings("ignore", message=text)
        yield


def _report(error: Exception, as_json: bool) -> int:
    message = one_line(error)
    with contextlib.suppress(OSError):  # where the disk is full, which may be the error
        if as_json:
            print(json.dumps({"error": message}), flush=True)
    print(f"torchscript: {message}", file=sys.stderr)
    return 2


def one_line(error: Exception) -> str:
    """What is wrong, and where in which source, in one line."""
    show = getattr(error, "format_message", None)
    if show is not None:  # wrong usage, often before anything else is imported
        return _first_line(str(show()), error)
    from torchscript.errors import CompileError, Error

    if isinstance(error, ModuleNotFoundError) and error.name == "numpy":
        return "this needs the package numpy: pip install numpy"
    if isinstance(error, OSError) and not isinstance(error, Error):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    else:
        text = error.message if isinstance(error, CompileError) else str(error)
    line = _first_line(text, error)
    listed = [item[2:].strip() for item in text.splitlines() if item.startswith("- ")]
    if listed:  # an error that names several reasons
        line = f"{line}: {'; '.join(listed)}"
    cause = error if isinstance(error, CompileError) else error.__cause__
    if isinstance(cause, CompileError) and cause.where is not None:
        line = f"{line} ({cause.where.source.filename}:{cause.where.line})"
    if not isinstance(error, Error | OSError):
        return f"{type(error).__name__}: {line} (TORCHSCRIPT_TRACEBACK=1 shows where)"
    return line


def _first_line(text: str, error: object) -> str:
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(":")
