"""Archives in the format of PyTorch 1.0 to 1.2, made by hand, as nobody here has those.

What they hold follows caffe2/proto/torch.proto and torch/csrc/jit/export.cpp of the time: `model.json` is a
protocol buffer as protobuf prints it in JSON (names in camel case, 64-bit numbers as text), tensors stand in
`tensors/N`, where N is the number of the first tensor that uses the storage, and the methods of each module in
a file of its own, after a line that names the version of the operators.

    proto_version   written by             differences
    1               1.0                    tensors and methods only; `training` was a buffer
    2               1.1 while it was made  attributes.pkl holds a list, its tensors are objects of __main__.TensorID
    3, 4            1.1                    attributes.pkl holds a tuple, classes stand in libs/
    5               1.2                    quantised tensors, `__getstate__`, debug/ with source locations
    6               1.2                    data.pkl and code/ as today, with tensors by their number in the table
"""

import json
from dataclasses import dataclass, field
from typing import Any

import torch

from .conftest import Call, Name, pickled, zipped

TYPES = {
    torch.float32: "FLOAT", torch.float64: "DOUBLE", torch.float16: "FLOAT16", torch.int64: "INT64",
    torch.int32: "INT32", torch.int16: "INT16", torch.int8: "INT8", torch.uint8: "UINT8", torch.bool: "BOOL",
    torch.quint8: "UINT8", torch.qint8: "INT8", torch.qint32: "INT32",
}  # fmt: skip


def number_of_tensor(number: int) -> Call:
    return Call(Name("torch.jit._pickle", "build_tensor_from_id"), (number,))


@dataclass
class LegacyModule:
    """One module: its tensors by name, its attributes as type and value, its methods as text."""

    name: str
    parameters: dict[str, torch.Tensor] = field(default_factory=dict)
    buffers: dict[str, torch.Tensor] = field(default_factory=dict)
    attributes: dict[str, tuple[str, Any]] = field(default_factory=dict)
    submodules: list["LegacyModule"] = field(default_factory=list)
    code: str = ""
    state: Any = None


class LegacyWriter:
    """Writes an archive of some `proto_version`, whose code is for operators of version `operators`."""

    def __init__(self, proto: int, operators: int) -> None:
        self.proto, self.operators = proto, operators
        self.records: dict[str, bytes] = {}
        self.tensors: list[dict[str, Any]] = []
        self.storages: dict[int, str] = {}
        self.values: list[Any] = []

    def tensor(self, tensor: torch.Tensor) -> int:
        number = len(self.tensors)
        storage = tensor.untyped_storage()
        key = self.storages.setdefault(storage._cdata, f"tensors/{number}")
        self.records.setdefault(key, bytes(storage.tolist()))
        entry = {
            "dims": [str(n) for n in tensor.shape],
            "offset": str(tensor.storage_offset()),
            "strides": [str(n) for n in tensor.stride()],
            "requiresGrad": tensor.requires_grad,
            "dataType": TYPES[tensor.dtype],
            "data": {"key": key},
            "device": "cpu",
        }
        if self.proto >= 5:
            entry["isQuantized"] = tensor.is_quantized
        if tensor.is_quantized:
            entry |= {"scale": tensor.q_scale(), "zeroPoint": str(tensor.q_zero_point())}
        self.tensors.append(entry)
        return number

    def module(self, module: LegacyModule, prefix: str = "") -> dict[str, Any]:
        path = f"{prefix}_{module.name}" if prefix else module.name
        own_pickling = module.state is not None
        made: dict[str, Any] = {"submodules": [], "parameters": [], "name": module.name, "optimize": True}
        if own_pickling:
            made["getStateAttributeId"] = str(self.value(module.state))
        for is_buffer, tensors in ((False, module.parameters), (True, module.buffers)):
            for name, tensor in tensors.items():
                number = -1 if own_pickling and not is_buffer else self.tensor(tensor)
                made["parameters"].append({"isBuffer": is_buffer, "tensorId": str(number), "name": name})
        if self.proto > 1:
            made["attributes"] = [
                {"type": type, "name": name, "id": "-1" if own_pickling else str(self.value(value))}
                for name, (type, value) in module.attributes.items()
            ]
        if module.code:
            key = f"code/{path}.py"
            self.records[key] = self.source(module.code)
            made["torchscriptArena"] = {"key": key}
        made["submodules"] = [self.module(submodule, path) for submodule in module.submodules]
        return made

    def value(self, value: Any) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def source(self, code: str) -> bytes:
        return f"op_version_set = {self.operators}\n{code}".encode()

    def write(
        self,
        root: LegacyModule | None = None,
        libraries: dict[str, str] | None = None,
        constants: tuple[torch.Tensor, ...] = (),
        **records: bytes,
    ) -> bytes:
        """The archive. Constants of code come before all other tensors, so that their numbers are known."""
        for constant in constants:
            self.tensor(constant)
        model: dict[str, Any] = {"protoVersion": str(self.proto), "producerName": "pytorch"}
        if root is not None:
            model["mainModule"] = self.module(root)
        if self.proto in (2, 3, 4, 5):
            self.records["attributes.pkl"] = pickled(self.values if self.proto == 2 else tuple(self.values))
        folder = "code" if self.proto >= 6 else "libs"
        for name, code in (libraries or {}).items():
            self.records[f"{folder}/{name.replace('.', '/')}.py"] = self.source(code)
        model |= {"producerVersion": "1.0", "tensors": self.tensors}
        self.records["model.json"] = json.dumps(model).encode()
        return zipped({"version": b"1\n", **self.records, **records})
