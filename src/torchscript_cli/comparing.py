"""What differs between two archives: structure, code, signatures, values.

Modules are compared by their paths, not by the names of their classes, which PyTorch numbers anew in each
process (`___torch_mangle_3`).
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from torchscript.errors import Error

from .summary import ModuleRow, TensorRow, module_tree

if TYPE_CHECKING:
    import torch

    from torchscript.archive.reader import LoadedArchive

_MANGLED = re.compile(r"\.___torch_mangle_\d+|\b___torch_mangle_\d+\.")
_CONSTANT = re.compile(r"CONSTANTS\.c\d+")


@dataclass
class TensorDifference:
    """`norm` is that of the difference, `relative` the same by the norm of the first tensor."""

    name: str
    what: str
    norm: float | None = None
    relative: float | None = None
    largest: float | None = None


@dataclass
class CodeDifference:
    name: str
    added: int
    removed: int
    diff: list[str] = field(repr=False)


@dataclass
class Difference:
    """Everything that differs; empty lists where nothing does."""

    header: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    code: list[CodeDifference] = field(default_factory=list)
    tensors: list[TensorDifference] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    equal_tensors: int = 0

    def __bool__(self) -> bool:
        return any((self.header, self.modules, self.signatures, self.code, self.tensors, self.attributes))

    def as_json(self) -> dict[str, Any]:
        return {"equal": not self, **asdict(self)}


def compare(one: LoadedArchive, other: LoadedArchive, tolerance: float = 0.0) -> Difference:
    """Differences of norms up to `tolerance`, relative to the first tensor's, are none."""
    found = Difference()
    if one.version != other.version:
        found.header.append(f"version: {one.version} → {other.version}")
    _extra_files(one, other, found)
    ours, theirs = dict(module_tree(one).walk()), dict(module_tree(other).walk())
    for path in ours.keys() | theirs.keys():
        if path not in theirs or path not in ours:
            sign, row = ("-", ours[path]) if path in ours else ("+", theirs[path])
            found.modules.append(f"{sign} {path}: {_plain(row.class_name)}")
    found.modules.sort(key=lambda line: line[2:])
    for path, row in ours.items():
        if path in theirs:
            _modules(path, row, theirs[path], found, tolerance)
    _code(one, other, ours, theirs, found)
    return found


def _extra_files(one: LoadedArchive, other: LoadedArchive, found: Difference) -> None:
    ours, theirs = one.extra_files(), other.extra_files()
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            word = "differs" if name in ours and name in theirs else "removed" if name in ours else "added"
            found.header.append(f"extra file {name}: {word}")


def _modules(path: str, one: ModuleRow, other: ModuleRow, found: Difference, tolerance: float) -> None:
    place = path or "the top module"
    if _plain(one.class_name) != _plain(other.class_name):
        found.modules.append(f"~ {place}: {_plain(one.class_name)} → {_plain(other.class_name)}")
    for sign, methods, rest in (("-", one.methods, other.methods), ("+", other.methods, one.methods)):
        known = {_plain(method) for method in rest}
        found.signatures += [f"{sign} {place}: {m}" for m in map(_plain, methods) if m not in known]
    _tensors(path, one, other, found, tolerance)
    for name in one.values.keys() | other.values.keys():
        a, b = one.values.get(name, "(none)"), other.values.get(name, "(none)")
        if a != b:
            found.attributes.append(f"{path}.{name}".lstrip(".") + f": {a} → {b}")
    found.attributes.sort()


def _tensors(path: str, one: ModuleRow, other: ModuleRow, found: Difference, tolerance: float) -> None:
    ours = {row.name: row for row in one.tensors}
    theirs = {row.name: row for row in other.tensors}
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        full_name = f"{path}.{name}" if path else name
        if name not in theirs:
            found.tensors.append(TensorDifference(full_name, f"removed: {_kind(ours[name])}"))
        elif name not in ours:
            found.tensors.append(TensorDifference(full_name, f"added: {_kind(theirs[name])}"))
        elif _kind(ours[name]) != _kind(theirs[name]):
            what = f"{_kind(ours[name])} → {_kind(theirs[name])}"
            found.tensors.append(TensorDifference(full_name, what))
        else:
            difference = _values(full_name, ours[name].tensor, theirs[name].tensor)
            relative = difference.relative if difference is not None else 0.0
            if difference is None or (relative is not None and relative <= tolerance):
                found.equal_tensors += 1
            else:
                found.tensors.append(difference)


def _kind(row: TensorRow) -> str:
    return f"{row.kind} {row.dtype} {'×'.join(map(str, row.shape)) or 'scalar'}"


def _values(name: str, one: torch.Tensor, other: torch.Tensor) -> TensorDifference | None:
    """How far two tensors of one shape and dtype are apart; None if they are equal, NaNs included."""
    try:
        gap, scale = gaps(one, other), float(_wide(one).norm())
    except (RuntimeError, NotImplementedError) as error:
        raise Error(f"'{name}' cannot be compared: {str(error).splitlines()[0]}") from error
    if not gap.any():
        return None
    norm = float(gap.norm())
    relative = norm / scale if scale > 0 else math.inf
    return TensorDifference(name, "values", norm, relative, float(gap.max()))


def gaps(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """How far apart the elements of two tensors are: no way where both are NaN or the same infinity."""
    a, b = _wide(one), _wide(other)
    same = (a == b) | (a.isnan() & b.isnan())
    return (a - b).abs().nan_to_num(nan=math.inf, posinf=math.inf).masked_fill(same, 0.0)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    elif tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _code(
    one: LoadedArchive,
    other: LoadedArchive,
    ours: dict[str, ModuleRow],
    theirs: dict[str, ModuleRow],
    found: Difference,
) -> None:
    """The text of methods by the class's name without its number, and of functions; each once."""
    texts = [_texts(one), _texts(other)]
    done: set[tuple[str, str]] = set()
    for path in ours.keys() & theirs.keys():
        done.add((ours[path].class_name, theirs[path].class_name))
    pairs = {(f"__torch__.{a}", f"__torch__.{b}") for a, b in done}
    for name in texts[0]:
        if name in texts[1] and "." in name and not any(name.startswith(f"{a}.") for a, _ in pairs):
            pairs.add((name, name))
    for a, b in sorted(pairs):
        names = {n.removeprefix(a): n for n in texts[0] if n == a or n.startswith(f"{a}.")}
        others = {n.removeprefix(b): n for n in texts[1] if n == b or n.startswith(f"{b}.")}
        for end in sorted(names.keys() & others.keys()):
            left, right = (_plain(texts[i][n[end]]).splitlines() for i, n in enumerate((names, others)))
            if left != right:
                lines = list(difflib.unified_diff(left, right, lineterm="", n=2))[2:]
                added = sum(line.startswith("+") for line in lines)
                removed = sum(line.startswith("-") for line in lines)
                name = _plain(a + end).removeprefix("__torch__.")
                if not any(known.name == name and known.diff == lines for known in found.code):
                    found.code.append(CodeDifference(name, added, removed, lines))


def _texts(archive: LoadedArchive) -> dict[str, str]:
    """The text of every function and method by its qualified name."""
    texts: dict[str, str] = {}
    for file in archive.importer.code_files():
        for definition in file.definitions.values():
            name = f"{file.module}.{definition.name}"
            if not definition.is_class:
                texts[name] = definition.text
            for method in definition.methods.values():
                texts[f"{name}.{method.name}"] = method.text
    return texts


def _plain(text: str) -> str:
    """Without what numbers differently in each process."""
    return _CONSTANT.sub("CONSTANTS.c", _MANGLED.sub("", text)).rstrip()
