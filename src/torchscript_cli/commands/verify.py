"""`torchscript verify`: whether an archive is whole, and runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..app import No, one_line
from ..archives import AllowIO, Archive, open_archive
from ..output import Json, plural, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torchscript.archive.reader import LoadedArchive


def verify(archive: Archive, allow_io: AllowIO = False, json: Json = False) -> None:
    """Check every byte of an archive: checksums, objects, code; exit code 1 if anything is wrong.

    Records are compared with their checksums, every function is compiled, used or not, and made Python; the
    module is made. Nothing of it is called but what loading calls (__setstate__).
    """
    from torchscript.errors import Error

    problems: list[str] = []
    done: list[str] = []
    try:
        found = open_archive(archive, allow_io)
    except Error as error:
        if not archive.is_file():
            raise
        problems.append(one_line(error))
    else:
        for step in (_records, _functions, _module, _constants):
            count, word, wrong = step(found)
            problems += wrong
            if not wrong:
                done.append(f"{plural(count, word)}{_SAYS[word]}")
    problems = list(dict.fromkeys(problems))
    if json:
        print_json({"file": str(archive), "ok": not problems, "checked": done, "problems": problems})
    else:
        for line in done:
            print(f"ok     {line}")
        for line in problems:
            print(f"wrong  {line}")
    if problems:
        raise No


_SAYS = {
    "record": " with the right checksums",
    "function": " compiled",
    "object": " made",
    "constant": " of the code read",
}

Outcome = tuple[int, str, list[str]]


def _tried(steps: Iterator[Callable[[], object]]) -> tuple[int, list[str]]:
    """How many steps there were, and what was wrong with those that failed."""
    from torchscript.errors import Error

    count = 0
    wrong: list[str] = []
    for step in steps:
        count += 1
        try:
            step()
        except Error as error:
            wrong.append(one_line(error))
    return count, wrong


def _records(archive: LoadedArchive) -> Outcome:
    container = archive.container
    count, wrong = _tried(lambda name=name: container.check(name) for name in container.names())  # type: ignore[misc]
    return count, "record", wrong


def _functions(archive: LoadedArchive) -> Outcome:
    from torchscript.errors import Error
    from torchscript.runtime.linking import LINKER

    try:
        functions = archive.functions()
    except Error as error:
        return 0, "function", [one_line(error)]
    count, wrong = _tried(lambda f=f: LINKER.function(f) for f in functions)  # type: ignore[misc]
    return count, "function", wrong


def _module(archive: LoadedArchive) -> Outcome:
    from torchscript.runtime.loading import module_of

    made: list[int] = []
    _, wrong = _tried(iter([lambda: made.append(sum(1 for _ in module_of(archive).modules()))]))
    return sum(made), "object", wrong


def _constants(archive: LoadedArchive) -> Outcome:
    made: list[int] = []
    _, wrong = _tried(iter([lambda: made.append(archive.read_constants())]))
    return sum(made), "constant", wrong
