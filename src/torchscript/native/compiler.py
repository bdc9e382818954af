"""The C++ compiler: which one, with which flags, and what its libraries depend on."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import BackendError

INCLUDE = Path(__file__).parent / "include"
RUNTIME = Path(__file__).parent / "runtime"


class CompilerError(BackendError):
    """There is no C++ compiler, or it refused the generated code."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A command line up to the files.

    `command` is the compiler (`g++`, `ccache g++`), `version` its own first line, `flags` what compiles (not what links).
    """

    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]
    link: tuple[str, ...]

    @property
    def is_clang(self) -> bool:
        return "clang" in self.version

    @property
    def key(self) -> str:
        """What a compiled file depends on besides its source."""
        made_of = (*self.command[1:], self.version, *self.flags, *self.link)
        return "\n".join([*made_of, torch.__version__, str(torch_root()), _cpu()])


def torch_root() -> Path:
    return Path(torch.__file__).parent


@functools.cache
def find_compiler() -> Compiler:
    """The compiler of `$CXX`, or g++, clang++, c++ on the path. Raises CompilerError where there is none that runs.

    `$TORCHSCRIPT_CXXFLAGS` are further flags, for compiling and linking: `-fsanitize=thread`, `-g`.
    """
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "c++"]
    command = next((found for name in names if (found := _command(name)) is not None), None)
    if command is None:
        raise CompilerError(f"No C++ compiler: {', '.join(names)} not found. {_ADVICE}")
    version = _version(command)
    root = torch_root()
    further = shlex.split(os.environ.get("TORCHSCRIPT_CXXFLAGS", ""))
    # clang's OpenMP is another library than PyTorch's (GCC's), with threads of its own: its kernels run on one thread
    openmp = [] if "clang" in version else ["-fopenmp"]
    flags = [
        "-std=c++20", "-O3", "-g1", "-fPIC", "-fwrapv", "-fvisibility=hidden", "-fno-math-errno", "-ffp-contract=off",
        "-fno-semantic-interposition", "-Wno-unused", *openmp, "-DAT_PER_OPERATOR_HEADERS",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}",
    ]  # fmt: skip
    if platform.machine() in ("x86_64", "AMD64"):
        flags.append("-march=native")
    flags += [
        f"-I{INCLUDE}",
        f"-isystem{root / 'include'}",
        f"-isystem{root / 'include/torch/csrc/api/include'}",
    ]
    link = [
        "-shared",
        f"-L{root / 'lib'}",
        "-Wl,--no-as-needed",
        "-ltorch_cpu",
        "-lc10",
        f"-Wl,-rpath,{root / 'lib'}",
    ]
    gomp = next(iter(sorted((root / "lib").glob("libgomp*.so*"))), None)
    # the OpenMP of PyTorch itself: a second one would have threads of its own
    link += [str(gomp)] if gomp is not None else openmp
    return Compiler(command, version, (*flags, *further), (*link, *further))


_ADVICE = "Install g++ or clang++ (C++20), or name one in $CXX. Programs go on running in Python without it."


def _version(command: tuple[str, ...]) -> str:
    """The first line of what a compiler says of itself."""
    shown = shlex.join(command)
    try:
        result = _ran([*command, "--version"])
    except OSError as error:
        raise CompilerError(
            f"The C++ compiler {shown} cannot be run ({error.strerror}). {_ADVICE}"
        ) from error
    if result.returncode != 0 or not result.stdout.strip():
        raise CompilerError(
            f"The C++ compiler {shown} does not work: asked for its --version, {_end_of(result)}. {_ADVICE}"
        )
    return result.stdout.partition("\n")[0]


def _ran(command: Sequence[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text or "", capture_output=True, text=True, errors="replace")


def _end_of(result: subprocess.CompletedProcess[str]) -> str:
    """How a command ended, with the first line of what it said."""
    code = result.returncode
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        end = f"it was ended by {name}" + (" (is there enough memory?)" if name == "SIGKILL" else "")
    else:
        end = f"it ended with exit code {code}"
    said = result.stderr.strip().partition("\n")[0]
    return f"{end}: {said}" if said else f"{end} and no message"


def _command(text: str) -> tuple[str, ...] | None:
    """A command line whose program is on the path."""
    try:
        name, *arguments = shlex.split(text)
    except ValueError:  # empty, or a quotation without end
        return None
    path = shutil.which(name)
    return None if path is None else (path, *arguments)


@functools.cache
def _cpu() -> str:
    """The instruction sets that -march=native stands for."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(
                (line for line in file if line.startswith(("flags", "Features"))), platform.processor()
            )
    except OSError:
        return platform.processor()


_USED_UNASKED = ("sse", "ssse", "avx", "fma", "f16c", "bmi", "abm", "popcnt", "movbe", "gfni")
"""How the names of instructions begin that compilers use for ordinary code."""


def instructions_of(compiler: Compiler) -> list[str]:
    """What the compiler's code may use of this processor, by the names that Linux has for it: `avx2`, `avx512_vnni`."""
    command = [*compiler.command, *compiler.flags, "-x", "c++", "-dM", "-E", os.devnull]
    macros = {word.replace("_", "").lower() for word in _ran(command).stdout.split() if word.startswith("__")}
    of_this = [name for name in _cpu().partition(":")[2].split() if name.startswith(_USED_UNASKED)]
    return [name for name in of_this if name.replace("_", "") in macros]


_AFTER_THE_LINKER = ("collect2: ", "clang: ", "clang++: ")
"""How the line begins that follows what the linker said, which does not call it an error."""


def run(command: list[str], what: str, text: str | None = None) -> None:
    """Run the compiler; its complaints become a CompilerError, the first of them in its first line.

    `text` is what it reads from its standard input.
    """
    name = Path(command[0]).name
    try:
        result = _ran(command, text)
    except OSError as error:
        raise CompilerError(
            f"{command[0]}, which {what} needs, cannot be run ({error.strerror}): install it (binutils has ar)."
        ) from error
    if result.returncode == 0:
        return
    lines = result.stderr.splitlines()
    errors = [line for line in lines if "error" in line and not line.startswith(_AFTER_THE_LINKER)]
    errors = errors[:8] or lines[-8:] or [_end_of(result)]
    raise CompilerError("\n".join([f"{name} failed on {what}: {errors[0]}", *errors[1:]]))
