"""Archives of PyTorch 1.0 to 1.2 load, and do what the modules did that they were made of."""

import io
import json
import warnings
import zipfile

import pytest
import torch
from torch import nn

import torchscript as jit
from torchscript.archive.reader import read_archive

from .conftest import Name, Object, pickled, stock, zipped
from .legacy import LegacyModule, LegacyWriter, number_of_tensor


def tensors_of(module: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "parameters": dict(module.named_parameters(recurse=False)),
        "buffers": dict(module.named_buffers(recurse=False)),
    }


def leaf(name: str, module: nn.Module, **more: object) -> LegacyModule:
    return LegacyModule(name, **tensors_of(module), **more)  # type: ignore[arg-type]


pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.randn(5, 4)

# What 1.0 wrote for a traced nn.Sequential: the code of submodules stands in the caller.
TRACED = """
def forward(self,
    input_1: Tensor) -> Tensor:
  input_2 = torch.addmm(getattr(self, "0").bias, input_1, torch.t(getattr(self, "0").weight), beta=1, alpha=1)
  input_3 = torch.threshold(input_2, 0., 0.)
  _0 = ops.prim.NumToTensor(torch.size(input_3, 1))
  input_4 = torch.view(input_3, [-1, int(torch.mul(_0, CONSTANTS.c0))])
  input = torch.addmm(getattr(self, "2").bias, input_4, torch.t(getattr(self, "2").weight), beta=1, alpha=1)
  return input
"""


def sequential() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def written_by_1_0() -> bytes:
    model = sequential()
    root = LegacyModule("net", submodules=[leaf(str(i), m) for i, m in enumerate(model)], code=TRACED)
    return LegacyWriter(1, 0).write(root, constants=(torch.tensor(1),))


def test_a_traced_module_of_1_0() -> None:
    model, loaded = sequential(), jit.load(written_by_1_0())
    torch.testing.assert_close(loaded(X), model(X), rtol=0, atol=0)
    assert dict(loaded.named_parameters()).keys() == dict(model.named_parameters()).keys()
    loaded(X).sum().backward()
    model(X).sum().backward()
    for ours, theirs in zip(loaded.parameters(), model.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad)
    assert read_archive(written_by_1_0()).producer == "PyTorch 1.0 to 1.2 (its format number 1)"


def test_it_is_written_again_as_today() -> None:
    loaded = jit.load(written_by_1_0())
    torch.testing.assert_close(stock(loaded.save_to_buffer())(X), sequential()(X))


def test_training_was_a_buffer_and_dropout_obeys_it() -> None:
    code = """
def forward(self,
    x: Tensor) -> Tensor:
  _0 = torch.dropout(x, 0.5, bool(self.training))
  if annotate(bool, self.training):
    y = torch.add(_0, self.weight, alpha=1)
  else:
    y = torch.sub(_0, self.weight, alpha=1)
  return y
"""
    for training in (True, False):
        buffers = {"training": torch.tensor(int(training), dtype=torch.uint8)}
        root = LegacyModule("net", {"weight": torch.ones(4, requires_grad=True)}, buffers, code=code)
        loaded = jit.load(LegacyWriter(1, 0).write(root))
        assert loaded.training is training and list(dict(loaded.named_buffers())) == []
        torch.testing.assert_close(loaded.eval()(X), X - 1)


def test_attributes_of_1_1_before_its_release() -> None:
    """A list of values, tensors as objects of a class, and numbers of one signed byte."""
    code = """
def forward(self,
    x: Tensor) -> Tensor:
  _0 = torch.add(torch.mul(x, (self.table)["a"]), self.shift, alpha=1)
  return torch.add(_0, torch.mul(self.offset, (self.sizes)[1]), alpha=1)
"""
    writer = LegacyWriter(2, 0)
    root = LegacyModule(
        "net",
        attributes={
            "table": ("Dict[str, int]", None),
            "shift": ("int", None),
            "offset": ("Tensor", None),
            "sizes": ("List[int]", None),
        },
        code=code,
    )
    data = writer.write(root, constants=(torch.tensor([1.0, 2.0, 3.0, 4.0]),))
    attributes = b"".join(
        [
            b"\x80\x02](",
            b"}q\x00(X\x01\x00\x00\x00aK\x03u",  # {"a": 3}
            b"K\xfe",  # -2
            b"c__main__\nTensorID\nq\x01)\x81K\x00b",  # tensor 0
            b"c__main__\nIntList\nq\x02)\x81](K\x05K\xffeb",  # [5, -1]
            b"e.",
        ]
    )
    loaded = jit.load(replaced(data, {"attributes.pkl": attributes}))
    torch.testing.assert_close(loaded(X), X * 3 - 2 - torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert loaded.sizes == [5, -1]


LIBRARY = """
class Scale:
  factor : float
  def __init__(self: __torch__.Scale,
    factor: float) -> None:
    self.factor = factor
    return None
  def apply(self: __torch__.Scale,
    x: Tensor) -> Tensor:
    return torch.mul(x, self.factor)
"""


def written_by_1_2(proto: int = 4) -> tuple[bytes, nn.Sequential]:
    """Submodules with methods of their own, a class, a loop, shared weights, an integer division."""
    model = sequential()
    linear = """
def forward(self,
    input: Tensor) -> Tensor:
  if torch.eq(torch.dim(input), 2):
    _0 = torch.__isnot__(self.bias, None)
  else:
    _0 = False
  if _0:
    ret = torch.addmm(self.bias, input, torch.t(self.weight), beta=1, alpha=1)
  else:
    ret = torch.add(torch.matmul(input, torch.t(self.weight)), self.bias, alpha=1)
  return ret
"""
    code = """
def forward(self,
    x: Tensor,
    times: int=2) -> Tensor:
  _0 = self.fc1
  x0 = torch.relu(_0.forward(x, ))
  scale = __torch__.Scale.__new__(__torch__.Scale)
  _1 = (scale).__init__(0.5, )
  y = x0
  for i in range(times):
    y = (scale).apply(y, )
  n = torch.div(self.counts, 2)
  z = torch.add((self.fc2).forward(y, ), torch.sum(n), alpha=1)
  return z
"""
    root = LegacyModule(
        "net",
        buffers={"counts": torch.tensor([3, 5])},
        attributes={"training": ("bool", True), "counts": ("Tensor", None)},
        submodules=[leaf("fc1", model[0], code=linear), leaf("fc2", model[2], code=linear)],
        code=code,
    )
    return LegacyWriter(proto, 1).write(root, {"__torch__": LIBRARY}), model


@pytest.mark.parametrize("proto", [3, 4, 5])
def test_submodules_classes_and_the_old_division(proto: int) -> None:
    data, model = written_by_1_2(proto)
    loaded = jit.load(data)
    # 3 // 2 + 5 // 2, as integers divided until 1.5
    torch.testing.assert_close(loaded(X), model[2](model[0](X).relu() * 0.25) + 3)
    torch.testing.assert_close(loaded(X, 0), model[2](model[0](X).relu()) + 3)
    assert loaded.training is True and [name for name, _ in loaded.named_children()] == ["fc1", "fc2"]
    assert "def forward(self," in loaded.fc1.code
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = stock(loaded.save_to_buffer())
    torch.testing.assert_close(again(X), loaded(X))


def test_state_methods_run_after_the_submodules_are_there() -> None:
    code = """
def __getstate__(self) -> Tuple[Tensor, int]:
  return (self.weight, self.count)
def __setstate__(self,
    state: Tuple[Tensor, int]) -> None:
  weight, count, = state
  self.weight = torch.mul(weight, 2)
  self.count = torch.add(count, torch.len([(self.fc).weight]))
  return None
def forward(self,
    x: Tensor) -> Tensor:
  return torch.add(torch.mul((self.fc).forward(x, ), self.weight), self.count, alpha=1)
"""
    fc = nn.Linear(4, 4)
    linear = """
def forward(self,
    x: Tensor) -> Tensor:
  return torch.addmm(self.bias, x, torch.t(self.weight), beta=1, alpha=1)
"""
    root = LegacyModule(
        "net",
        attributes={"weight": ("Tensor", None), "count": ("int", None)},
        submodules=[leaf("fc", fc, code=linear)],
        code=code,
        state=(number_of_tensor(0), 4),
    )
    loaded = jit.load(LegacyWriter(5, 1).write(root, constants=(torch.full((4,), 3.0),)))
    torch.testing.assert_close(loaded(X), fc(X) * 6 + 5)


def test_tensors_share_what_they_shared() -> None:
    base = torch.arange(12.0)
    tied = torch.ones(2, 2, requires_grad=True)
    root = LegacyModule(
        "net",
        {"tied": tied},
        {"low": base[:6].view(2, 3), "turned": base.view(3, 4).t()},
        submodules=[LegacyModule("same", {"tied": tied})],
        code="def forward(self) -> Tensor:\n  return self.tied\n",
    )
    loaded = jit.load(LegacyWriter(1, 0).write(root))
    assert loaded.tied is loaded.same.tied and loaded.tied.requires_grad
    assert loaded.turned.tolist() == base.view(3, 4).t().tolist()
    loaded.low[0, 0] = 100.0
    assert loaded.turned[0, 0] == 100.0


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6).to(dtype)
        for dtype in (
            torch.float64,
            torch.float16,
            torch.int64,
            torch.int32,
            torch.int16,
            torch.int8,
            torch.uint8,
            torch.bool,
        )
    ]
    + [
        torch.quantize_per_tensor(torch.rand(6), 0.1, 3, dtype)
        for dtype in (torch.quint8, torch.qint8, torch.qint32)
    ],
    ids=lambda tensor: str(tensor.dtype),
)
def test_types_of_tensors(tensor: torch.Tensor) -> None:
    root = LegacyModule("net", buffers={"x": tensor}, code="def forward(self) -> Tensor:\n  return self.x\n")
    loaded = jit.load(LegacyWriter(5, 1).write(root))()
    assert loaded.dtype == tensor.dtype and torch.equal(loaded, tensor)


def test_the_last_form_has_data_pkl() -> None:
    code = """
class Net(Module):
  weight : Tensor
  training : bool
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.mul(torch.add(x, self.weight, alpha=1), CONSTANTS.c0)
"""
    root = Object("__torch__.Net", {"weight": number_of_tensor(1), "training": False})
    data = LegacyWriter(6, 1).write(
        None, {"__torch__": code}, (torch.tensor(2.0), torch.ones(4)), **{"data.pkl": pickled(root)}
    )
    loaded = jit.load(data)
    torch.testing.assert_close(loaded(X), (X + 1) * 2)
    assert loaded.training is False


def test_extra_files_map_location_and_the_version_of_operators() -> None:
    data, _ = written_by_1_2()
    data = replaced(data, {"extra/note": b"hello"})
    extra: dict[str, object] = {"note": ""}
    loaded = jit.load(data, map_location="meta", _extra_files=extra)
    assert extra["note"] == b"hello" and {p.device.type for p in loaded.parameters()} == {"meta"}
    assert read_archive(data).version == 1


# --- Damage ---------------------------------------------------------------------------------------------


def replaced(data: bytes, records: dict[str, bytes | None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        found: dict[str, bytes | None] = {name.partition("/")[2]: old.read(name) for name in old.namelist()}
    return zipped({name: content for name, content in (found | records).items() if content is not None})


def changed_model(change: object) -> bytes:
    data, _ = written_by_1_2()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        model = json.loads(file.read("archive/model.json"))
    change(model)  # type: ignore[operator]
    return replaced(data, {"model.json": json.dumps(model).encode()})


DAMAGE = {
    "another version": (lambda m: m.update(protoVersion="9"), "is of proto_version 9"),
    "no module": (lambda m: m.pop("mainModule"), "does not describe a module"),
    "a list as the module": (lambda m: m.update(mainModule=[]), "does not describe a module"),
    "no such tensor": (lambda m: m["mainModule"]["parameters"][0].update(tensorId="99"), "has no tensor 99"),
    "no such value": (lambda m: m["mainModule"]["attributes"][0].update(id="99"), "has no value 99"),
    "no such code": (lambda m: m["mainModule"]["torchscriptArena"].update(key="code/x.py"), "no such record"),
    "code of two modules": (
        lambda m: m["mainModule"]["submodules"][0]["torchscriptArena"].update(key="code/net.py"),
        "gives the code 'code/net.py' to two modules",
    ),
    "an unknown type": (lambda m: m["tensors"][0].update(dataType="STRING"), "of an unknown type, 'STRING'"),
    "a tensor elsewhere": (lambda m: m["tensors"][0]["data"].update(key="../x"), "not in a record 'tensors/…'"),
    "a tensor nowhere": (lambda m: m["tensors"][0]["data"].update(key="tensors/77"), "there is no such record"),
    "a view over the end": (lambda m: m["tensors"][0].update(offset="1000"), "reaches over the end of its storage"),
    "negative strides": (lambda m: m["tensors"][0].update(strides=["-1"]), "that make no sense"),
    "huge numbers": (lambda m: m["tensors"][0].update(dims=["9" * 30]), "that make no sense"),
    "an attribute twice": (
        lambda m: m["mainModule"]["parameters"].append(m["mainModule"]["parameters"][0]),
        "is declared twice",
    ),
    "code as a type": (
        lambda m: m["mainModule"]["attributes"][0].update(type="int\n  def f(self): pass"),
        "a type of several lines",
    ),
    "nonsense as a type": (lambda m: m["mainModule"]["attributes"][0].update(type="int ="), "of a type that is none"),
    "a submodule named as a member of nn.Module": (
        lambda m: m["mainModule"]["submodules"][0].update(name="_parameters"),
        "cannot be an attribute",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, message", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused(change: object, message: str) -> None:
    with pytest.raises(jit.ArchiveError, match=message):
        jit.load(changed_model(change))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b"{", b"[" * 100_000, b"\xff", b'{"protoVersion": []}']
)
def test_what_is_no_description_is_refused(content: bytes) -> None:
    data, _ = written_by_1_2()
    with pytest.raises(jit.ArchiveError, match=r"record 'model\.json'"):
        jit.load(replaced(data, {"model.json": content}))


def test_modules_that_nest_without_end_are_refused() -> None:
    data, _ = written_by_1_2()
    for depth in (250, 10_000):
        text = '{"name": "m", "submodules": [' * depth + "{}" + "]}" * depth
        with pytest.raises(jit.ArchiveError, match="nests"):
            jit.load(replaced(data, {"model.json": f'{{"mainModule": {text}}}'.encode()}))


def test_names_of_other_programs_are_refused_in_attributes() -> None:
    data, _ = written_by_1_2()
    with pytest.raises(jit.ArchiveError, match=r"names 'os\.system'"):
        jit.load(replaced(data, {"attributes.pkl": pickled((Name("os", "system"),))}))
