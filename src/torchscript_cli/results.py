"""What a method returned: shown in a few lines, and saved as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchscript.errors import Error

FORMATS = ".pt, .npy, .npz or .json"


def tensors_in(value: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """Every tensor and plain value in a result, with its path: `result[0]['boxes']`."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        for name, item in zip(value._fields, value):
            yield from tensors_in(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from tensors_in(item, f"{path}[{i}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_in(item, f"{path}[{key!r}]")
    else:
        yield path, value


def described(value: Any) -> dict[str, Any]:
    """Shape, dtype and range of a tensor; the value of anything else."""
    import torch

    if not isinstance(value, torch.Tensor):
        return {"value": value if isinstance(value, int | float | str | bool | None) else str(value)}
    facts: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    values = value.detach()
    if values.is_quantized:
        values = values.dequantize()
    if values.numel() and not values.is_complex():
        values = values.to_dense().double() if values.layout != torch.strided else values.double()
        finite = values[values.isfinite()]
        if finite.numel():
            facts |= {"min": finite.min().item(), "mean": finite.mean().item(), "max": finite.max().item()}
        odd = values.numel() - finite.numel()
        if odd:
            facts["not_finite"] = odd
    return facts


def show(value: Any) -> Iterator[str]:
    import torch

    for path, item in tensors_in(value):
        facts = described(item)
        if not isinstance(item, torch.Tensor):
            yield f"{path} = {facts['value']!r}"
            continue
        line = f"{path}: {facts['dtype']} {'×'.join(map(str, facts['shape'])) or 'scalar'}"
        if "mean" in facts:
            line += f", from {facts['min']:.6g} to {facts['max']:.6g}, mean {facts['mean']:.6g}"
        if "not_finite" in facts:
            line += f", {facts['not_finite']} not finite"
        yield line


def save(value: Any, path: Path) -> None:
    """Write a result in the format of the file's name. Error, and no file, for what the format cannot hold."""
    import torch

    tensors = {name: item for name, item in tensors_in(value) if isinstance(item, torch.Tensor)}
    match path.suffix.lower():
        case ".pt" | ".pth":
            torch.save(_plain(value), path)
        case ".npy":
            import numpy

            if len(tensors) != 1:
                raise Error(f"the result has {len(tensors)} tensors, and .npy holds one; take .npz or .pt")
            numpy.save(path, _array(next(iter(tensors.values()))))
        case ".npz":
            import numpy

            numpy.savez(path, **{name: _array(item) for name, item in tensors.items()})
        case ".json":
            text = json.dumps(_listed(value))
            path.write_text(text + "\n", encoding="utf-8")
        case suffix:
            raise Error(f"a result cannot be saved as '{suffix}'; {FORMATS} can")


def _array(tensor: Any) -> Any:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        return tensor.numpy()
    except TypeError:
        raise Error(f"numpy has no {tensor.dtype}; save the result as .pt") from None


def _plain(value: Any) -> Any:
    """NamedTuples as tuples, so that `torch.load(weights_only=True)` reads them."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _listed(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _listed(item) for key, item in value.items()}
    return value
