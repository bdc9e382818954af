"""`torchscript export`: an archive as an ONNX model or a program of torch.export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..archives import AllowIO, Archive, open_archive
from ..output import Json, print_json, size


def export(
    archive: Archive,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="model.onnx or model.pt2")],
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT", help="Examples, see above.")] = None,
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic/--static", help="Leave sizes of the inputs open, where the program can."),
    ] = True,
    opset: Annotated[int | None, typer.Option(help="Of ONNX; PyTorch's default otherwise.")] = None,
    tolerance: Annotated[float, typer.Option(help="How far results may be from the module's.")] = 1e-3,
    allow_io: AllowIO = False,
    json: Json = False,
) -> None:
    """Export `forward` to ONNX (.onnx) or torch.export (.pt2), then check that it computes the same.

    The exporter needs example inputs, as `torchscript run` takes them: shapes (2x3x224x224), files, values.
    A traced archive knows shapes of its own. Sizes of 0 and 1 in the examples become fixed in the result.

    torchscript export model.pt model.onnx 2x3x224x224
    """
    import torch

    from torchscript.errors import Error
    from torchscript.runtime.loading import module_of

    from .. import exporting
    from ..inputs import arguments_of

    kind = target.suffix.lower()
    if kind not in (".onnx", ".pt2"):
        raise typer.BadParameter(f"'{target}' does not end in .onnx or .pt2", param_hint="TARGET")
    torch.manual_seed(0)
    found = open_archive(archive, allow_io)
    arguments = arguments_of(found, archive, "forward", inputs or [])
    module = module_of(found).eval()
    if kind == ".onnx":
        made = exporting.to_onnx(module, arguments, target, dynamic, opset)
    else:
        made = exporting.to_torch_export(module, arguments, target, dynamic)
    gap = made.largest_difference
    if gap is not None and not gap <= tolerance:
        raise Error(f"'{target}' was written, and computes something else: results differ by {gap:.3g}")
    if json:
        print_json(
            {
                "target": str(target),
                "bytes": target.stat().st_size,
                "inputs": made.inputs,
                "notes": made.notes,
            }
            | {"largest_difference": gap}
        )
        return
    print(f"wrote {target}, {size(target.stat().st_size)}")
    for name, sizes in made.inputs.items():
        print(f"  {name}: {'×'.join(sizes) or 'scalar'}")
    for note in made.notes:
        print(note)
    if gap is not None:
        print(f"compared with the module: results differ by at most {gap:.3g}")
