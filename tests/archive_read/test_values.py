"""Pickled values: tensors of every kind, objects, and pickles that want something else."""

import struct
import sys
from typing import Any

import pytest
import torch
from torch import nn

from torchscript.archive.reader import read_archive
from torchscript.archive.unpickler import EnumMember, ScriptObject
from torchscript.errors import ArchiveError

from .conftest import Call, Name, Object, Storage, archive, floats, pickled, saved, scripted, zipped
from .programs import Attributes


def attributes(data: bytes, **options: Any) -> dict[str, Any]:
    """The attributes of the root, unpickled."""
    return read_archive(data, **options).root.state


class Tensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        base = torch.arange(12.0)
        self.register_buffer("base", base)
        self.register_buffer("view", base[2:8].view(2, 3).t())
        self.register_buffer("same", base)
        self.register_buffer("bfloat", torch.ones(3, dtype=torch.bfloat16))
        self.register_buffer("float8", torch.ones(3).to(torch.float8_e4m3fn))
        self.register_buffer("unsigned", torch.ones(3).to(torch.uint16))
        self.register_buffer("complex", torch.tensor([1 + 2j]))
        self.register_buffer("conjugated", torch.tensor([1 + 2j]).conj())
        self.register_buffer("boolean", torch.tensor([True, False]))
        self.register_buffer("empty", torch.empty(0, 3))
        self.register_buffer("scalar", torch.tensor(2.0))
        self.register_buffer("sparse", torch.eye(3).to_sparse())
        self.register_buffer("compressed", torch.eye(3).to_sparse_csr())
        self.register_buffer("meta", torch.ones(2, device="meta"))
        self.weight = nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_tensors() -> None:
    module = Tensors()
    loaded = attributes(saved(scripted(module)))
    for name, expected in [*module.named_buffers(remove_duplicate=False), *module.named_parameters()]:
        found = loaded[name]
        assert (found.dtype, found.shape, found.layout) == (expected.dtype, expected.shape, expected.layout)
        assert found.requires_grad == expected.requires_grad
        if not expected.is_meta and expected.dtype != torch.float8_e4m3fn:
            torch.testing.assert_close(found, expected.detach(), rtol=0, atol=0)
    assert torch.equal(loaded["float8"].float(), torch.ones(3))
    assert loaded["view"].stride() == (1, 3)
    loaded["base"][2] = 100
    assert loaded["view"][0, 0] == 100
    assert loaded["same"] is loaded["base"]
    assert loaded["meta"].is_meta


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors() -> None:
    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            x = torch.rand(3, 2)
            self.register_buffer("tensor", torch.quantize_per_tensor(x, 0.5, 1, torch.quint8))
            scales, zeros = torch.tensor([0.5, 0.2]), torch.tensor([0, 1])
            self.register_buffer("channel", torch.quantize_per_channel(x, scales, zeros, 1, torch.qint8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    module = Quantised()
    loaded = attributes(saved(scripted(module)))
    for name, expected in module.named_buffers():
        assert torch.equal(loaded[name].dequantize(), expected.dequantize())
        assert loaded[name].qscheme() == expected.qscheme()


def test_map_location() -> None:
    data = saved(scripted(nn.Linear(2, 2)))
    assert attributes(data, map_location="meta")["weight"].is_meta
    assert attributes(data, map_location=torch.device("cpu"))["weight"].device.type == "cpu"
    assert attributes(data, map_location={"cpu": "meta"})["weight"].is_meta
    seen: list[str] = []
    attributes(data, map_location=lambda storage, device: seen.append(device))
    assert seen == ["cpu", "cpu"]


@pytest.mark.parametrize("where", ["cuda", "cuda:3", torch.device("cuda"), "mps", "nonsense", 0])
def test_a_location_that_is_not_here(where: Any) -> None:
    if torch.accelerator.is_available():
        pytest.skip("there is another device than the CPU")
    with pytest.raises(
        ArchiveError, match=r"cannot load to map_location='.*': .*; map_location='cpu' works everywhere"
    ):
        read_archive(saved(scripted(nn.Linear(2, 2))), map_location=where)


def test_a_device_that_is_not_here() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    sizes = (
        Storage("Float", "0", 4, "cuda:0"),
        0,
        (4,),
        (1,),
        False,
        Call(Name("collections", "OrderedDict"), ()),
    )
    root = Object("__torch__.M", {"w": Call(Name("torch._utils", "_rebuild_tensor_v2"), sizes)})
    data = archive("", root, records={"data/0": b"\0" * 16})
    with pytest.raises(ArchiveError, match=r"was saved on 'cuda:0' and .*map_location='cpu'"):
        read_archive(data)
    assert attributes(data, map_location="cpu")["w"].tolist() == [0.0] * 4


def test_byte_order() -> None:
    root = Object("__torch__.M", {"w": floats("0", (4,), (1,))})
    other = "big" if sys.byteorder == "little" else "little"
    numbers = struct.pack(">4f" if other == "big" else "<4f", 1, 2, 3, 4)
    data = archive("", root, records={"data/0": numbers, "byteorder": other.encode()})
    assert attributes(data)["w"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_objects_and_what_they_share() -> None:
    archive = read_archive(saved(scripted(Attributes())))
    made: list[Any] = []

    def make(cls: Any, attributes: dict[str, Any]) -> Any:
        made.append(cls.qualified_name.rpartition(".")[2])
        return attributes

    root = archive.instantiate(make)
    assert made[-1] == "Attributes"
    assert made.count("Linear") == 3
    assert isinstance(root["tied"], nn.Parameter)
    assert root["tied"] is root["linear"]["weight"]
    assert root["part"].untyped_storage().data_ptr() == root["row"].untyped_storage().data_ptr()
    assert (root["counts"], root["integers"], root["mixed"]) == ({"a": 1}, [1, 2], (1, "a", 2.0))
    assert (root["color"].name, type(root["color"]).__name__) == ("RED", "Color")
    assert (root["text"], root["z"], root["infinite"]) == ('héllo\n"q"', 1 + 2j, float("inf"))
    assert (root["missing"], root["device"]) == (None, torch.device("cpu"))
    constants = archive.root_class.constants
    assert constants == {"scale": 2.5}


def test_named_tuples_and_nested_values() -> None:
    code = """
class P(NamedTuple):
  x : int
  y : List[str]
class E(Enum):
  A = "a"
class M(Module):
  p : __torch__.P
  many : Dict[str, List[Optional[__torch__.P]]]
  e : __torch__.E
  none : Optional[int]
"""
    point = (1, ["a"])
    enum = Call(Name("__torch__", "E"), ("a",))
    root = Object("__torch__.M", {"p": point, "many": {"k": [point, None]}, "e": enum, "none": None})
    made = read_archive(archive(code, root)).instantiate(lambda cls, attributes: attributes)
    assert made["p"].x == 1 and made["p"]._fields == ("x", "y")
    assert made["many"]["k"][0] == made["p"] and made["many"]["k"][1] is None
    assert made["e"].name == "A"


@pytest.mark.parametrize(
    "value, message",
    [
        (Call(Name("os", "system"), ("true",)), "names 'os.system'"),
        (Call(Name("builtins", "eval"), ("1",)), "names 'builtins.eval'"),
        (Call(Name("torch", "load"), ("x",)), "names 'torch.load'"),
        (Call(Name("torch._utils", "_rebuild_device_tensor_from_numpy"), ()), "names 'torch._utils"),
        (floats("0", (8,), (1,)), "over the end of its storage"),
        (floats("0", (2, 2), (3, 1)), "over the end of its storage"),
        (floats("0", (4,), (1,), offset=1), "over the end of its storage"),
        (floats("0", (4,), (-1,)), "make no sense"),
        (floats("0", (4,), (1, 1)), "make no sense"),
        (floats("0", (1 << 61,), (1 << 61,)), "over the end"),
        (floats("0", (4,), (1,), count=1 << 50), "holds 16 bytes"),
        (floats("0", (4,), (1,), count=-1), "unknown way"),
        (floats("1", (4,), (1,)), "no record 'data/1'"),
        (floats("../code/__torch__.py", (4,), (1,)), "no record"),
        (Call(Name("torch", "device"), ("nowhere",)), "unknown device"),
        (Storage("Imaginary", "0", 4), "does not know"),
    ],
)
def test_pickles_that_want_something_else(value: Any, message: str) -> None:
    data = archive("", Object("__torch__.M", {"w": value}), records={"data/0": b"\0" * 16})
    with pytest.raises(ArchiveError, match=message):
        read_archive(data)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "is cut off"),
        (b"\x80\x02", "is cut off"),
        (b"\x80\x02X\xff\xff\xff\xffa", "is cut off"),
        (b"\x80\x02" + b"(" * 5000 + b".", "nests too deep"),
        (b"\x80\x02t.", "more values"),
        (b"\x80\x02h\x05.", "makes no sense"),
        (b"\x80\x02}]N\x86.", "does not hold an object"),
        (b"\x80\x02(i__main__\nA\n.", "does not use|do not use"),
        (b"\x80\x02\x82\x01.", "do not use"),
        (b"\x80\x02K\x01K\x01R.", "cannot be called"),
        (b"\x80\x02c__torch__\nM\nK\x01\x81.", "no class of the archive|is no class"),
        (b"\x80\x02]K\x01b.", "no object of the archive"),
        (b"\x80\x02}]K\x01su.", "is cut off|more values|makes no sense"),
    ],
)
def test_malformed_pickles(data: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=f"data.pkl.*({message})"):
        read_archive(archive("", records={"data.pkl": data}))


@pytest.mark.parametrize(
    "declared, value",
    [
        ("int", "a"),
        ("int", True),
        ("Tensor", 3),
        ("str", None),
        ("List[int]", [1, "a"]),
        ("List[int]", (1, 2)),
        ("Dict[str, int]", {"a": 1.0}),
        ("Tuple[int, int]", (1, 2, 3)),
        ("Optional[int]", 2.0),
        ("__torch__.N", 1),
        ("__torch__.N", Object("__torch__.M", {})),
        ("int", Object("__torch__.N", {})),
    ],
)
def test_attributes_are_what_the_class_declares(declared: str, value: Any) -> None:
    code = f"class N:\n  x : int\nclass M(Module):\n  a : {declared}\n"
    data = archive(code, Object("__torch__.M", {"a": value}))
    with pytest.raises(ArchiveError, match="stands where"):
        read_archive(data).instantiate(lambda cls, attributes: attributes)


def test_objects_of_unknown_classes() -> None:
    for name, message in (
        ("__torch__.N", "no class"),
        ("__torch__.f", "no class"),
        ("__torch__.E", "is no class"),
    ):
        data = archive("def f() -> int:\n  return 1\nclass E(Enum):\n  A = 1\n", Object(name))
        with pytest.raises(ArchiveError, match=message):
            read_archive(data).instantiate(lambda cls, attributes: attributes)


def test_the_tree_can_be_looked_at_without_a_runtime() -> None:
    enum = Call(Name("__torch__", "E"), (1,))
    root = read_archive(archive("", Object("__torch__.M", {"e": enum, "n": Object("__torch__.N")}))).root
    assert isinstance(root, ScriptObject)
    assert isinstance(root.state["e"], EnumMember) and root.state["n"].class_name == "__torch__.N"
