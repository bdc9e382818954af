"""`torchscript graph`: the graph of a method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..archives import Archive, Method, find_method, open_archive
from ..output import Json, print_json


def graph(
    archive: Archive,
    method: Method = "forward",
    inlined: Annotated[
        bool, typer.Option("--inlined", "-i", help="Put the graphs of what it calls in place of the calls.")
    ] = False,
    passes: Annotated[
        bool, typer.Option("--optimized", "-O", help="As it runs: inlined, then simplified by all passes.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option(help="Write a picture to this file, drawn by Graphviz (its program `dot`).")
    ] = None,
    dot: Annotated[bool, typer.Option("--dot", help="Print the picture's text for Graphviz.")] = False,
    json: Json = False,
) -> None:
    """Show the graph of a method, as text or as a picture.

    torchscript graph model.pt --inlined

    torchscript graph model.pt --method layer1.0.forward --svg block.svg
    """
    from torchscript import passes as all_passes
    from torchscript.ir.printer import print_graph

    from .. import drawing

    function = find_method(open_archive(archive), method)
    made = function.graph
    if inlined or passes:
        made = made.copy()
        (all_passes.optimize if passes else all_passes.inline_calls)(made)
    title = f"{archive.name}: {method}"
    if svg is not None:
        picture = drawing.svg(made, title)
        svg.write_text(picture, encoding="utf-8")
    elif dot:
        print(drawing.dot(made, title), end="")
    elif json:
        print_json({"method": function.qualified_name, "graph": print_graph(made)})
    else:
        print(print_graph(made))
