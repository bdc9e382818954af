"""`torchscript code`: the source in an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..archives import Archive, open_archive
from ..output import Json, print_json, print_source

if TYPE_CHECKING:
    from torchscript.archive.importer.code import CodeFile


def code(
    archive: Archive,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Only this class, function or method: its full name, or the end of it."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the source in an archive: every file of it, or one class, function or method.

    torchscript code model.pt

    torchscript code model.pt Bottleneck.forward
    """
    from torchscript.errors import Error

    files = open_archive(archive).importer.code_files()
    if name is None:
        found = {file.record: file.source.text for file in files}
    else:
        found = {
            full: text
            for file in files
            for full, text in _definitions(file)
            if f".{full}".endswith(f".{name}")
        }
        if not found:
            raise Error(f"{archive}: has no class, function or method '{name}'")
    if json:
        print_json(found)
        return
    for title, text in found.items():
        if len(found) > 1 or name is None:
            print_source(f"# {title}")
        print_source(text.rstrip() + "\n")


def _definitions(file: CodeFile) -> list[tuple[str, str]]:
    """Qualified name and text of everything that a file defines."""
    lines = file.source.text.splitlines()
    found: list[tuple[str, str]] = []
    tops = list(file.definitions.values())
    for definition, following in zip(tops, [*tops[1:], None]):
        end = following.first_line - 1 if following is not None else len(lines)
        found.append((f"{file.module}.{definition.name}", "\n".join(lines[definition.first_line - 1 : end])))
        found.extend(
            (f"{file.module}.{definition.name}.{method.name}", method.text)
            for method in definition.methods.values()
        )
    return found
