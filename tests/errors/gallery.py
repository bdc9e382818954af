"""The gallery of wrong programs: each in `gallery/NAME.py`, the message it must get in `gallery/NAME.txt`.

A program defines `main` (what is compiled) or `Main` (a module class). With `arguments`, it compiles, and the call fails.

    python -m tests.errors.gallery          rewrites the texts; then read the diff as prose
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
import warnings
from pathlib import Path

import torchscript as jit

HERE = Path(__file__).parent / "gallery"
PROGRAMS = sorted(path.stem for path in HERE.glob("*.py"))


def message_of(name: str) -> str:
    """What a user reads: the kind of error, its message, and for an error of a run the user's line."""
    path = HERE / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    wrong = vars(module)["Main"]() if "Main" in vars(module) else vars(module)["main"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = jit.script(wrong, fallback=False)
            if hasattr(module, "arguments"):
                compiled(*module.arguments)
    except Exception as error:
        where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        lines = [f"{type(error).__name__}: {error}"]
        if not isinstance(error, jit.Error):
            lines += [f'in File "{path}", line {f.lineno}, in {f.name}: {f.line}' for f in where]
        return "\n".join(lines).replace(f"{HERE}/", "").replace(f"gallery_{name}.", "") + "\n"
    finally:
        sys.modules.pop(spec.name, None)
    return "nothing is wrong\n"


def main() -> None:
    for name in PROGRAMS:
        (HERE / f"{name}.txt").write_text(message_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
