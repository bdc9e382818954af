"""`torchscript info`: what an archive is and holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..archives import Archive, open_archive
from ..output import Json, console, plural, print_json, size

if TYPE_CHECKING:
    from ..feeding import Feed
    from ..summary import ModuleRow


def info(
    archive: Archive,
    depth: Annotated[int, typer.Option(min=0, help="How many levels of submodules to show.")] = 3,
    tensors: Annotated[bool, typer.Option("--tensors", help="Show every parameter and buffer.")] = False,
    json: Json = False,
) -> None:
    """Show what is in an archive: who wrote it, methods and how to run them, submodules with sizes, operators.

    Nothing of it is run, so this also tells why an archive cannot run here. What inputs take is found by following
    each to the first weight that it meets.
    """
    from .. import summary
    from ..archives import find_owner
    from ..feeding import feed_of

    found = open_archive(archive)
    tree = summary.module_tree(found)
    used = summary.operators_used(found)
    custom = summary.custom_parts(found, used, tree)
    feeds = []
    for name in summary.public_methods(found):
        owner, function = find_owner(found, name)
        feeds.append(feed_of(found, name, function, owner))
    facts: dict[str, Any] = {
        "file": str(archive),
        "bytes": archive.stat().st_size,
        "written_by": found.producer,
        "version": found.version,
        "class": tree.class_name,
        "training": summary.is_training(found),
        "methods": tree.methods,
        "how_to_run": [feed.as_json(str(archive)) for feed in feeds],
        "parameters": tree.elements,
        "tensor_bytes": tree.bytes,
        "modules": sum(1 for _ in tree.walk()),
        "code_files": len(found.importer.code_files()),
        "extra_files": {name: len(data) for name, data in found.extra_files().items()},
        "operators": dict(sorted(used.items(), key=lambda item: (-item[1], item[0]))),
        "custom_operators": custom.operators,
        "custom_classes": custom.classes,
    }
    if json:
        print_json({**facts, "tree": tree.as_json()})
        return
    _show(facts, feeds, tree, depth, tensors)


def _show(facts: dict[str, Any], feeds: list[Feed], tree: ModuleRow, depth: int, tensors: bool) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    from .. import summary

    out = console()
    rows = {
        "File": f"{facts['file']}, {size(facts['bytes'])}",
        "Written by": f"{facts['written_by']}; format and operators of version {facts['version']}",
        "Class": summary.readable(facts["class"]),
        "Size": f"{plural(facts['parameters'], 'parameter')} in {plural(facts['modules'], 'module')}, "
        f"{size(facts['tensor_bytes'])} of tensors",
        "Code": plural(facts["code_files"], "file"),
    }
    if facts["extra_files"]:
        rows["Extra files"] = ", ".join(f"{name} ({size(n)})" for name, n in facts["extra_files"].items())
    if facts["training"]:
        rows["Mode"] = "saved in training mode: call eval() on it, unless that is what you want"
    width = max(map(len, rows)) + 2
    for title, text in rows.items():
        out.print(f"[bold]{title}[/bold]{' ' * (width - len(title))}{escape(text)}", soft_wrap=True)
    out.print("\n[bold]Methods")
    for method in facts["methods"]:
        out.print("  " + escape(method), soft_wrap=True)
    _show_feeds(feeds, facts["file"])
    out.print()
    out.print(_branch(tree, depth, tensors))
    out.print("\n[bold]Operators[/bold], and how often the code calls them")
    operators = ", ".join(f"{name} {n}" for name, n in facts["operators"].items()) or "none"
    out.print(Padding(escape(operators), (0, 0, 0, 2), expand=False))
    if facts["custom_operators"] or facts["custom_classes"]:
        out.print("\n[bold]Custom")
        for name, known in facts["custom_operators"].items():
            problem = (
                "" if known else "[red]  is not known to this process: import the library that registers it"
            )
            out.print(f"  operator {escape(name)}{problem}")
        for name in facts["custom_classes"]:
            out.print(f"  class {escape(name)}, registered by C++")


def _show_feeds(feeds: list[Feed], file: str) -> None:
    """What to feed to each method, the commands that run them, and what they complain of."""
    from rich.markup import escape

    if not feeds:
        return
    out = console()
    out.print("\n[bold]How to run it[/bold]" + _legend(feeds))
    shown: set[str] = set()
    for feed in feeds:
        width = max((len(given.name) for given in feed.inputs), default=0)
        head = "" if feed.method == "forward" else f"{feed.method}: "
        for given in feed.inputs:
            note = "" if given.needed else "   [dim]may be left out[/dim]"
            out.print(f"  {head}{given.name:<{width}}   {escape(given.described())}{note}", soft_wrap=True)
        out.print(f"  [green]{escape(feed.command(file))}", soft_wrap=True)
        for complaint in (text for text in feed.complaints if text not in shown):
            shown.add(complaint)
            out.print(f"  [dim]it can raise:[/dim] {escape(complaint)}", soft_wrap=True)


def _legend(feeds: list[Feed]) -> str:
    inputs = [given for feed in feeds for given in feed.inputs]
    if any(isinstance(size, str) for given in inputs for size in given.sizes or ()):
        return "; a letter is any size, for which the command has a guess"
    if not all(feed.known for feed in feeds):
        return "; SHAPE stands for sizes that no weight tells, such as 1x512"
    return ""


def _branch(row: ModuleRow, depth: int, tensors: bool) -> Any:
    from rich.tree import Tree

    top = Tree(_label(row))
    _grow(top, row, depth, tensors)
    return top


def _grow(branch: Any, row: ModuleRow, depth: int, tensors: bool) -> None:
    from rich.markup import escape

    if tensors:
        for tensor in row.tensors:
            shape = "×".join(map(str, tensor.shape)) or "scalar"
            note = "" if tensor.kind == "parameter" else f" [dim]{tensor.kind}[/dim]"
            if tensor.shared_with is not None:
                note += f" [dim](the same as {escape(tensor.shared_with)})[/dim]"
            branch.add(f"{escape(tensor.name)}  [dim]{tensor.dtype}[/dim] {shape}{note}")
    if depth == 0 and row.children:
        below = sum(1 for _ in row.walk()) - 1
        branch.add(f"[dim]… {plural(below, 'module')}[/dim]")
        return
    for child in row.children:
        _grow(branch.add(_label(child)), child, depth - 1, tensors)


def _label(row: ModuleRow) -> str:
    from rich.markup import escape

    from .. import summary

    name = escape(row.name)
    short = escape(row.class_name.rpartition(".")[2] if row.name else summary.readable(row.class_name))
    label = f"[bold]{name}[/bold]: {short}" if name else f"[bold]{short}"
    if row.shared_with is not None:
        return f"{label} [dim](the same as {escape(row.shared_with)})"
    elements = row.elements
    if elements:
        label += f"  [cyan]{plural(elements, 'parameter')}[/cyan]"
    if row.bytes:
        label += f"  [dim]{size(row.bytes)}"
    return label
