"""A gallery of malicious archives, each made by hand, with what the refusal must say.

They come in the order in which an archive is read: the container, its pickles, its classes, its code, and the code
that runs while it is loaded.
"""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from archive_read.conftest import Call, Name, Object, Storage, archive, floats, pickled, zipped

Attack = tuple[Callable[[], bytes], str]
M = "__torch__.M"
ROOT = Object(M, {"training": True})
HEAD = "class M(Module):\n  training : bool\n"
FORWARD = "  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n"
CODE = f"{HEAD}{FORWARD}    return x\n"


def with_pickle(data: bytes, attributes: str = "", **records: bytes) -> bytes:
    """An archive with this data.pkl."""
    code = f"{HEAD}{attributes}{FORWARD}    return x\n".encode()
    constants = {"code/__torch__.py": code, "constants.pkl": pickled(()), "version": b"10"}
    return zipped({"data.pkl": data, **constants, **records})


def with_value(value: bytes, declared: str = "Any", **records: bytes) -> bytes:
    """An archive whose root has the attribute `a`, pickled as `value`."""
    state = b"}X\x08\0\0\0training\x88sX\x01\0\0\0a" + value + b"s"
    return with_pickle(b"\x80\x02c__torch__\nM\n)\x81" + state + b"b.", f"  a : {declared}\n", **records)


def with_body(body: str, returns: str = "Tensor", head: str = "") -> bytes:
    """An archive whose `forward` is this."""
    forward = f"  def forward(self: __torch__.M, x: Tensor) -> {returns}:\n"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return archive(f"{head}{HEAD}{forward}{lines}", ROOT)


def with_setstate(body: str) -> bytes:
    """An archive whose root is made by this code while it is loaded."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    method = f"  def __setstate__(self: __torch__.M, state: int) -> NoneType:\n{lines}    return None\n"
    return archive(f"{HEAD}{method}{FORWARD}    return x\n", Object(M, 1))


def reduced(function: str, *arguments: Any) -> bytes:
    """The pickle of a call, as `__reduce__` writes it."""
    module, _, name = function.rpartition(".")
    return pickled(Call(Name(module, name), arguments))


def doubled(times: int) -> bytes:
    """A tuple that holds a tuple twice, which holds a tuple twice, …"""
    return b")" + b"q\xf0h\xf0\x86" * times


# -- the container -----------------------------------------------------------------------------------------


def named(*names: str) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")
        for name in ("archive/data.pkl", "archive/version", "archive/code/__torch__.py", *names):
            file.writestr(name, pickled(ROOT) if name.endswith("data.pkl") else b"10")
    return buffer.getvalue()


def patched(data: bytes, at: int, kind: str, *numbers: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(kind, changed, at % len(data), *numbers)
    return bytes(changed)


def overlapping() -> bytes:
    """Two entries of the directory with the same bytes, as the densest zip bombs have them."""
    data = archive(
        CODE, ROOT, compression=zipfile.ZIP_STORED, records={"data/0": b"A" * 64, "data/1": b"B" * 64}
    )
    first = data.index(b"A" * 64)
    one = data.rindex(b"PK\3\4", 0, first)
    entry = data.rindex(b"PK\1\2", 0, data.rindex(b"archive/data/1"))
    return patched(data, entry + 42, "<L", one)


def huge_size() -> bytes:
    data = archive(CODE, ROOT, compression=zipfile.ZIP_STORED)
    entry = data.index(b"PK\1\2")
    return patched(data, entry + 20, "<LL", 0xFFFFFFF0, 0xFFFFFFF0)


def huge_directory() -> bytes:
    return patched(archive(CODE, ROOT), -12, "<H", 0xFFFE)


CONTAINERS: dict[str, Attack] = {
    "a name that climbs out": (lambda: named("archive/../../../../tmp/x"), "leaves the archive"),
    "another folder that climbs out": (lambda: named("../x"), "not in the folder"),
    "an absolute name": (lambda: named("/etc/passwd"), "not in the folder"),
    "an absolute name in the folder": (lambda: named("archive//etc/passwd"), "leaves the archive"),
    "a name of Windows": (lambda: named("archive/x\\..\\..\\y"), "leaves the archive"),
    "one name twice": (lambda: named("archive/x", "archive/x"), "two records 'x'"),
    "overlapping records": (overlapping, "overlaps"),
    "a record of 4 GB that is not there": (huge_size, "over the end|overlaps"),
    "more entries than the directory has": (huge_directory, "directory of the file is damaged"),
    "a bomb in a record": (
        lambda: zipped({"data.pkl": pickled(ROOT), "code/__torch__.py": b"#" * (30 << 20), "version": b"10"}),
        "larger than",
    ),
    "a bomb in a tensor": (
        lambda: with_pickle(
            pickled(Object(M, {"training": True, "a": floats("0", (18 << 20,), (1,), count=18 << 20)})),
            "  a : Tensor\n",
            **{"data/0": b"\0" * (72 << 20)},
        ),
        "claims to inflate",
    ),
    "a long program that is short when compressed": (
        lambda: with_body("y = 1\n" * 150_000 + "return x"),
        "larger than",
    ),
}

# -- pickles -----------------------------------------------------------------------------------------------

_NOT_ALLOWED = "which is not among the few names"
GADGETS = {
    "os.system": ("id",),
    "posix.system": ("id",),
    "nt.system": ("id",),
    "subprocess.Popen": (["id"],),
    "builtins.eval": ("1",),
    "builtins.exec": ("1",),
    "builtins.getattr": (1, "x"),
    "builtins.__import__": ("os",),
    "builtins.open": ("/etc/passwd",),
    "operator.attrgetter": ("system",),
    "functools.partial": (1,),
    "importlib.import_module": ("os",),
    "runpy.run_path": ("/tmp/x.py",),
    "pickle.loads": ("x",),
    "torch.load": ("/tmp/x",),
    "torch.hub.load": ("a", "b"),
    "torch.jit.load": ("/tmp/x",),
    "torch.serialization.load": ("/tmp/x",),
    "torch.ops.load_library": ("/tmp/x.so",),
    "torch.storage._load_from_bytes": ("x",),
    "torch._utils._rebuild_parameter_with_state": (1, 2, 3, 4),
    "torch.UntypedStorage.from_file": ("/etc/passwd", False, 9),
    "numpy.load": ("/tmp/x",),
    "webbrowser.open": ("http://example.com",),
    "__main__.anything": (),
}


class Reduces:
    def __reduce__(self) -> Any:
        return print, ("never",)


def tensor(sizes: tuple[int, ...], strides: tuple[int, ...], **options: Any) -> bytes:
    value = pickled(Object(M, {"training": True, "a": floats("0", sizes, strides, **options)}))
    return with_pickle(value, "  a : Tensor\n", **{"data/0": b"\0" * 16})


def of_function(name: str, *arguments: Any) -> bytes:
    value = pickled(Object(M, {"training": True, "a": Call(Name("torch._utils", name), arguments)}))
    return with_pickle(value, "  a : Tensor\n", **{"data/0": b"\0" * 16})


STORAGE = Storage("QInt8", "0", 4)
HOOKS = Call(Name("collections", "OrderedDict"), ())

PICKLES: dict[str, Attack] = {
    **{
        f"gadget {name}": (lambda name=name, given=given: with_pickle(reduced(name, *given)), _NOT_ALLOWED)
        for name, given in GADGETS.items()
    },
    "gadget, by position on the stack": (
        lambda: with_pickle(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
        _NOT_ALLOWED,
    ),
    "gadget, in an attribute": (lambda: with_value(b"cos\nsystem\nX\x02\0\0\0id\x85R"), _NOT_ALLOWED),
    "gadget, of pickle itself": (lambda: with_pickle(pickle.dumps(Reduces())), _NOT_ALLOWED),
    "gadget, in old instructions": (lambda: with_pickle(b"(S'id'\nios\nsystem\n."), "instruction that archives"),
    "gadget, by the registry of extensions": (lambda: with_pickle(b"\x80\x02\x82\x01."), "instruction that archives"),
    "a call of what was unpickled": (lambda: with_value(b"X\x01\0\0\0a)R"), "cannot be called"),
    "state for a tensor": (lambda: with_value(b"ctorch\nFloatStorage\n}b"), "no object of the archive"),
    "a storage in another folder": (
        lambda: with_pickle(
            pickled(Object(M, {"training": True, "a": floats("../../etc/passwd", (1,), (1,))})), "  a : Tensor\n"
        ),
        "no record",
    ),
    "a key that is endless to hash": (lambda: with_value(b"}" + doubled(60) + b"\x88s"), "a tuple is a key"),
    "a message that is endless to print": (
        lambda: with_value(b"ctorch\ndevice\n" + doubled(60) + b"\x85R"),
        "unknown device",
    ),
    "a list in a list, a hundred thousand times": (
        lambda: with_value(b"]" * 100_000 + b"a" * 99_999),
        "nest too deep",
    ),
    "a tuple in a tuple, many times": (lambda: with_value(b")" + b"\x85" * 300_000), "nest too deep"),
    "marks without end": (lambda: with_value(b"(" * 1_000_000), "nests too deep"),
    "a text of four gigabytes": (lambda: with_value(b"X\xff\xff\xff\xff"), "cut off"),
    "bytes of 2**63": (lambda: with_value(b"\x8d" + b"\xff" * 8), "cut off"),
    "an object that contains itself": (
        lambda: with_pickle(
            b"\x80\x02c__torch__\nM\n)\x81q\0}X\x08\0\0\0training\x88sX\x01\0\0\0ah\0sb.", "  a : __torch__.M\n"
        ),
        "contains itself",
    ),
    "a tensor larger than its storage": (lambda: tensor((1 << 20,), (1,)), "over the end of its storage"),
    "a tensor before its storage": (lambda: tensor((2,), (1,), offset=-1), "make no sense"),
    "a tensor of 2**70 elements": (lambda: tensor((1 << 35, 1 << 35), (0, 0)), "without measure"),
    "a tensor whose size wraps around": (lambda: tensor((1 << 61, 8), (8, 1)), "over the end"),
    "a quantised tensor of a terabyte": (
        lambda: of_function(
            "_rebuild_qtensor", STORAGE, 0, (1 << 40,), (0,),
            (Name("torch", "per_tensor_affine"), 1.0, 0), False, HOOKS,
        ),
        "without measure",
    ),
    "sparse indices outside": (
        lambda: of_function(
            "_rebuild_sparse_tensor", 0,
            (
                Call(Name("torch._utils", "_rebuild_tensor_v2"), (Storage("Long", "0", 1), 0, (1, 1), (1, 1), False, HOOKS)),
                floats("0", (1,), (1,), count=1), (0,),
            ),
        ),
        "makes no sense|names",
    ),
}  # fmt: skip

# -- classes and code --------------------------------------------------------------------------------------


def with_class(*lines: str, head: str = "") -> bytes:
    return archive(
        f"{head}{HEAD}{''.join(f'  {line}{chr(10)}' for line in lines)}{FORWARD}    return x\n", ROOT
    )


def with_method(signature: str) -> bytes:
    return with_class(f"def {signature}:", '  print("called")', "  return None")


def doubling(statement: str, count: int = 60) -> str:
    return "".join(f"{statement.format(i, i - 1)}\n" for i in range(1, count)) + "return x"


CLASSES: dict[str, Attack] = {
    **{
        f"a method {name}": (
            lambda name=name: with_method(f"{name}(self: __torch__.M) -> NoneType"),
            "cannot be a method",
        )
        for name in (
            "__del__",
            "__getattr__",
            "__getattribute__",
            "__setattr__",
            "__init_subclass__",
            "_ts_forward",
        )
    },
    **{
        f"an attribute {name}": (lambda name=name: with_class(f"{name} : int"), "cannot be an attribute")
        for name in ("__class__", "__dict__", "_parameters", "_modules", "_forward_hooks", "_ts_forward")
    },
    "a class built from itself": (
        lambda: with_class("a : __torch__.N", head="class N(NamedTuple):\n  a : __torch__.N\n"),
        "built from itself",
    ),
    "an enum that replaces its own machinery": (
        lambda: with_class("a : __torch__.E", head="class E(Enum):\n  mro = 1\n"),
        "cannot be those of an enum",
    ),
    "NamedTuples of 2**50 parts": (
        lambda: with_class(
            "a : __torch__.N50",
            head="class N0(NamedTuple):\n  a : int\n"
            + "".join(
                f"class N{i}(NamedTuple):\n  a : N{i - 1}\n  b : N{i - 1}\n" for i in range(1, 51)
            ).replace(": N", ": __torch__.N"),
        ),
        "too many parts",
    ),
}

CODES: dict[str, Attack] = {
    "a file is read": (lambda: with_body('return torch.from_file("/etc/passwd", None, 9)'), "allow_io=True"),
    "memory beyond a tensor is read": (
        lambda: with_body("return torch.sum(ops.inductor._reinterpret_tensor(x, [1000000], [1], 0))"),
        "reads and writes memory without asking whose it is",
    ),
    "a file is written": (
        lambda: with_body('ops.aten.save(x, "/tmp/x")\nreturn x'),
        "no operator 'aten::save'",
    ),
    "Python's import": (lambda: with_body("import os\nreturn x"), "not in the language"),
    "Python's __import__": (lambda: with_body('y = __import__("os")\nreturn x'), "not defined"),
    "Python's attributes": (
        lambda: with_body("y = self.__class__.__mro__\nreturn x"),
        "no attribute '__class__'",
    ),
    "Python's lambda": (lambda: with_body("y = (lambda: x)()\nreturn x"), "cannot be called"),
    "a call of getattr": (lambda: with_body('y = getattr(self, "__class__")\nreturn x'), "no attribute"),
    "an operator of Python's": (lambda: with_body('return ops.os.system("id")'), "no operator"),
    "a decorator": (
        lambda: with_class("@print", "def f(self: __torch__.M) -> int:", "  return 1"),
        "not in the|not def",
    ),
    "parentheses without end": (
        lambda: with_body(f"return {'(' * 5000}x{')' * 5000}"),
        "too many nested|parsed",
    ),
    "attributes without end": (lambda: with_body(f"return x{'.y' * 50_000}"), "parsed|too deep|nests"),
    "minus without end": (
        lambda: with_body(f"y = {'-' * 50_000}1\nreturn x"),
        "parsed|too deep|nests|complex",
    ),
    "sums without end": (lambda: with_body(f"y = 1{' + 1' * 50_000}\nreturn x"), "parsed|too deep|nests"),
    "a number of a million digits": (
        lambda: with_body(f"y = {'9' * 900_000}\nreturn x"),
        "digits|parsed|language",
    ),
    "a number of 70 bits": (lambda: with_body(f"y = {1 << 70}\nreturn x"), "64 bits"),
    "types of 2**60 parts": (
        lambda: with_body("y0 = x\n" + doubling("y{0} = (y{1}, y{1})")),
        "too many parts",
    ),
    "functions that call each other": (
        lambda: archive(
            f"{HEAD}{FORWARD}    return __torch__.f(x)\ndef f(x: Tensor) -> Missing:\n  return x\n", ROOT
        ),
        "not a type",
    ),
    "a constant that is endless to walk": (
        lambda: zipped(
            {
                "data.pkl": pickled(ROOT),
                "code/__torch__.py": f"{HEAD}{FORWARD}    y = CONSTANTS.c0\n    return x\n".encode(),
                "constants.pkl": b"\x80\x02" + doubled(60) + b"\x85.",
                "version": b"10",
            }
        ),
        "too many parts",
    ),
}

# -- code that runs while the archive is loaded ------------------------------------------------------------

_ENDLESS = "does not come to an end"
AT_LOAD: dict[str, Attack] = {
    "a loop without end": (lambda: with_setstate("while True:\n  pass"), _ENDLESS),
    "a loop without end that works": (lambda: with_setstate("i = 0\nwhile True:\n  i = torch.add(i, 1)"), _ENDLESS),
    "a loop of 2**40 rounds": (lambda: with_setstate("for i in range(1099511627776):\n  pass"), _ENDLESS),
    "loops in loops": (
        lambda: with_setstate("for i in range(9999):\n  for j in range(9999):\n    k = torch.add(i, j)"),
        _ENDLESS,
    ),
    "a method that calls itself": (lambda: with_setstate("self.__setstate__(state)"), "calls itself without end"),
    "an exception": (lambda: with_setstate('ops.prim.RaiseException("boo")'), "raises an exception: boo"),
    "an error": (lambda: with_setstate("y = [1][5]"), "fails"),
    "10 ** 10 ** 9": (lambda: with_setstate("y = torch.pow(10, 1000000000)"), "more than 64 bits"),
    "squares of squares": (
        lambda: with_setstate("y = 3\nfor i in range(60):\n  y = torch.mul(y, y)"),
        "more than 64 bits",
    ),
    "a list of 10 ** 11 items": (lambda: with_setstate("y = torch.mul([0], 100000000000)"), "too many items"),
    "a list that doubles": (
        lambda: with_setstate("y = [0]\nfor i in range(60):\n  y = torch.add(y, y)"),
        "too many items",
    ),
    "a text that doubles": (
        lambda: with_setstate('y = "a"\nfor i in range(60):\n  y = torch.add(y, y)'),
        "too many items",
    ),
    "a text that grows by replacing": (
        lambda: with_setstate('y = "aaaaaaaa"\nfor i in range(60):\n  y = torch.replace(y, "a", y)'),
        "too many items",
    ),
    "a format of great width": (lambda: with_setstate('y = torch.format("{:999999999}", 1)'), "great length"),
    "a tensor of 40 GB": (lambda: with_setstate("y = torch.zeros([100000, 100000])"), "too large"),
    "tensors that broadcast": (
        lambda: with_setstate("y = torch.ones([100000, 1])\nz = torch.mul(y, torch.t(y))"),
        "too large",
    ),
    "tensors that pile up": (
        lambda: with_setstate("y = [torch.ones([1])]\nfor i in range(999):\n  z = torch.append(y, torch.ones([1000000]))"),
        "too large|too many",
    ),
    "a file": (lambda: with_setstate('y = torch.from_file("/etc/passwd", None, 9)'), "allow_io=True"),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**CONTAINERS, **PICKLES, **CLASSES, **CODES, **AT_LOAD}
