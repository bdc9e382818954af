"""The language of archived code, written by hand: what printers of all versions print, and what they do not."""

# ruff: noqa: E501  (programs stand in one line)

from typing import Any

import pytest
import torch

import torchscript as jit
from torchscript.archive.reader import read_archive
from torchscript.errors import ArchiveError
from torchscript.ir import verify

from .conftest import Object, archive, floats, module

RUNS: list[tuple[str, tuple[Any, ...], Any]] = [
    # literals
    ("def forward() -> float:\n  return -inf\n", (), float("-inf")),
    ("def forward() -> List[float]:\n  return [inf, -1., 1.0000000000000001e-05]\n", (), [float("inf"), -1.0, 1e-5]),
    ("def forward() -> complex:\n  return 3.+2.j\n", (), 3 + 2j),
    ("def forward() -> complex:\n  return -3.-2.j\n", (), -3 - 2j),
    ("def forward() -> int:\n  return -9223372036854775808\n", (), -(1 << 63)),
    ('def forward() -> str:\n  return "h\\303\\251\\n\\"\\\'"\n', (), "hé\n\"'"),
    ("def forward() -> Tuple[int, Tuple[()]]:\n  return (1, ())\n", (), (1, ())),
    ("def forward() -> Device:\n  return torch.device(\"cpu\")\n", (), torch.device("cpu")),
    ("def forward() -> Dict[str, int]:\n  return {\"a\": 1, \"b\": 2}\n", (), {"a": 1, "b": 2}),
    ("def forward() -> List[Optional[int]]:\n  return annotate(List[Optional[int]], [None, 1])\n", (), [None, 1]),
    ("def forward() -> Dict[str, List[int]]:\n  return annotate(Dict[str, List[int]], {})\n", (), {}),
    ("def forward() -> NoneType:\n  pass\n", (), None),
    # operators, as versions before 1.2 print them
    ("def forward(x: int, y: int) -> int:\n  return x + y * 2 - x // y % 3\n", (7, 2), 7 + 4 - 0),
    ("def forward(x: int) -> bool:\n  return not x < 3 and x is not None or x == 1\n", (1,), True),
    ("def forward(x: int) -> str:\n  return \"a\" if x > 1 else \"b\"\n", (1,), "b"),
    ("def forward(x: float) -> float:\n  y = -x\n  y += 1.\n  return y ** 2.\n", (3.0,), 4.0),
    ("def forward(x: List[int]) -> bool:\n  return 3 in x\n", ([3],), True),
    # casts and builtins
    ("def forward(x: float) -> Tuple[int, str, bool]:\n  return (int(x), str(3), bool(1))\n", (2.5,), (2, "3", True)),
    ("def forward(x: List[int]) -> List[int]:\n  return [len(x), ops.prim.max(x), ops.prim.min(3, 2)]\n", ([4, 5],), [2, 5, 2]),
    ("def forward(x: List[int]) -> List[int]:\n  return sorted(x)\n", ([2, 1],), [1, 2]),
    ("def forward(x: str) -> int:\n  return torch.ord(x)\n", ("a",), 97),
    # subscripts
    ("def forward(x: Tuple[int, str]) -> str:\n  return (x)[-1]\n", ((1, "b"),), "b"),
    ("def forward(x: Tuple[int, int, int]) -> Tuple[int, int]:\n  return (x)[1:3]\n", ((1, 2, 3),), (2, 3)),
    ("def forward(x: List[int]) -> List[int]:\n  return torch.slice(x, 1, None, 1)\n", ([1, 2, 3],), [2, 3]),
    ("def forward(x: List[int]) -> List[int]:\n  return x[1:]\n", ([1, 2, 3],), [2, 3]),
    ("def forward(x: Dict[str, int]) -> int:\n  return x[\"a\"]\n", ({"a": 4},), 4),
    ("def forward(x: List[int]) -> List[int]:\n  x[0] = 5\n  _0 = torch._set_item(x, 1, 6)\n  return x\n", ([1, 2],), [5, 6]),
    # assignments
    ("def forward(x: List[int]) -> int:\n  a, b, = x\n  return torch.sub(a, b)\n", ([5, 3],), 2),
    ("def forward(x: Tuple[int, int]) -> int:\n  a, b, = x\n  a, b = b, a\n  return torch.sub(a, b)\n", ((5, 3),), -2),
    ("def forward(x: Tensor) -> int:\n  v, i, = torch.max(x, 0)\n  return int(i)\n", (torch.tensor([1.0, 3.0]),), 1),
    # refinement
    ("def forward(x: Optional[int]) -> int:\n  if torch.__is__(x, None):\n    y = 0\n  else:\n    y = unchecked_cast(int, x)\n  return y\n", (None,), 0),
    ("def forward(x: Optional[int]) -> int:\n  y = ops.prim.unchecked_unwrap_optional(x)\n  return torch.add(y, 1)\n", (2,), 3),
    ("def forward(x: Any) -> bool:\n  return isinstance(x, (int, str))\n", ("a",), True),
    ("def forward(x: Union[int, List[int]]) -> bool:\n  return isinstance(x, (list, tuple))\n", ([1],), True),
    # control flow
    ("def forward(n: int) -> int:\n  x = 0\n  for i in range(n):\n    x = torch.add(x, i)\n  return x\n", (4,), 6),
    ("def forward(n: int) -> int:\n  x = 1\n  _0 = True\n  while _0:\n    x0 = torch.mul(x, 2)\n    _0, x = torch.lt(x0, n), x0\n  return x\n", (9,), 16),
    ("def forward(n: int) -> int:\n  if torch.gt(n, 1):\n    x = 1\n  elif torch.gt(n, 0):\n    x = 2\n  else:\n    x = 3\n  return x\n", (1,), 2),
    ("def forward(n: int) -> int:\n  if torch.gt(n, 1):\n    x = 1\n  else:\n    ops.prim.RaiseException(\"small\", \"builtins.ValueError\")\n  return x\n", (2,), 1),
    # formats
    ('def forward(n: int) -> str:\n  return torch.percentFormat("%s %d", ("a", n))\n', (3,), "a 3"),
    ('def forward(n: int) -> str:\n  return torch.percentFormat("%d", n)\n', (3,), "3"),
    ('def forward(n: int) -> str:\n  return torch.format("{} {}", n, "b")\n', (3,), "3 b"),
    # dtypes are numbers
    ("def forward(x: Tensor) -> bool:\n  return torch.eq(ops.prim.dtype(x), 6)\n", (torch.ones(1),), True),
    ("def forward(x: Tensor) -> bool:\n  return torch.__contains__([6, 7], ops.prim.dtype(x))\n", (torch.ones(1),), True),
    ("def forward(x: Tensor) -> bool:\n  return torch.eq(ops.prim.dtype(torch.to(x, 15)), 6)\n", (torch.ones(1),), False),
    # futures, as older code writes them
    ("def forward(x: int) -> int:\n  f = fork(__torch__.twice, x, )\n  return torch.wait(f)\n", (4,), 8),
    ("def forward(x: int) -> int:\n  def c():\n    y = torch.add(x, 1)\n    return __torch__.twice(y, )\n  f = fork(c)\n  return torch.wait(f)\n", (4,), 10),
    # functions as values, defaults and keywords
    ("def forward(x: int) -> int:\n  _0 = __torch__.twice\n  return _0(x, )\n", (4,), 8),
    ("def forward(x: int) -> int:\n  return __torch__.added(y=x)\n", (4,), 104),
]  # fmt: skip

FUNCTIONS = """def twice(x: int) -> int:
  return torch.mul(x, 2)
def added(x: int=100,
    y: int=1) -> int:
  return torch.add(x, y)
"""


def with_functions(method: str) -> bytes:
    """An archive of the method, in a class `M`, and of the functions above."""
    method = method.replace("forward(", "forward(self: __torch__.M, ", 1).replace(
        "__torch__.M, )", "__torch__.M)"
    )
    indented = "".join(f"  {line}\n" for line in method.splitlines())
    return archive(f"class M(Module):\n  training : bool\n{indented}{FUNCTIONS}")


@pytest.mark.parametrize("method, inputs, expected", RUNS, ids=range(len(RUNS)))
def test_it_runs(
    method: str, inputs: tuple[Any, ...], expected: Any, check_graph: Any, assert_same: Any
) -> None:
    data = with_functions(method)
    graph = read_archive(data).root_class.methods["forward"].graph
    verify(graph)
    check_graph(graph)
    assert_same(jit.load(data).forward(*inputs), expected)


def test_constants(assert_same: Any) -> None:
    data = module(
        "def forward(x: Tensor) -> Tuple[Tensor, str, List[int]]:\n"
        "  return (torch.add(x, CONSTANTS.c0), CONSTANTS.c1, CONSTANTS.c2)\n",
        constants=(floats("0", (2,), (1,), count=2), "é\0", [1, 2]),
        records={"constants/0": b"\0\0\x80?\0\0\0@"},
    )
    loaded = jit.load(data)
    assert_same(loaded.forward(torch.zeros(2)), (torch.tensor([1.0, 2.0]), "é\0", [1, 2]))


def test_script_classes(assert_same: Any) -> None:
    code = """op_version_set = 1
class Counter:
  n : int
  def __init__(self: __torch__.Counter,
    n: int) -> NoneType:
    self.n = n
    return None
  def more(self: __torch__.Counter) -> int:
    n = self.n
    self.n = torch.add(n, 1)
    return self.n
class M(Module):
  training : bool
  __annotations__ = []
  __annotations__["0"] = __torch__.Counter
  def forward(self: __torch__.M) -> List[int]:
    mine = getattr(self, "0")
    other = __torch__.Counter.__new__(__torch__.Counter)
    _0 = (other).__init__(10, )
    third = __torch__.Counter(20, )
    return [(mine).more(), (mine).more(), (other).more(), (third).more()]
"""
    root = Object("__torch__.M", {"training": True, "0": Object("__torch__.Counter", {"n": 1})})
    assert_same(jit.load(archive(code, root)).forward(), [2, 3, 11, 21])


def test_definitions_in_other_files() -> None:
    data = module(
        "def forward(x: int) -> int:\n  return __torch__.a.b.f(x, )\n",
        records={"code/__torch__/a/b.py": b"def f(x: int) -> int:\n  return torch.neg(x)\n"},
    )
    assert jit.load(data).forward(3) == -3


def test_recursion_is_compiled_once() -> None:
    data = archive(
        "class M(Module):\n  training : bool\n  def forward(self: __torch__.M,\n    n: int) -> int:\n"
        "    return __torch__.f(n, )\n"
        "def f(n: int) -> int:\n  if torch.le(n, 1):\n    r = 1\n  else:\n"
        "    r = torch.mul(n, __torch__.f(torch.sub(n, 1), ))\n  return r\n"
    )
    assert jit.load(data).forward(5) == 120


REFUSED: list[tuple[str, str]] = [
    ("def forward(x: int) -> int:\n  return y\n", "'y' is not defined"),
    ("def forward(x: int) -> int:\n  return torch.nothing(x)\n", "no operator 'aten::nothing'"),
    ("def forward(x: int) -> int:\n  return ops.mine.f(x)\n", "import the library"),
    ("def forward(x: int) -> int:\n  return torch.relu(x, x, x)\n", "'relu' does not take"),
    ("def forward(x: int) -> str:\n  return x\n", "stands where str"),
    ("def forward(x: int) -> int:\n  return __torch__.nothing(x)\n", "does not define"),
    ("def forward(x: int) -> int:\n  return __torch__.twice(x, x)\n", "takes 1 argument"),
    ("def forward(x: int) -> int:\n  return __torch__.twice()\n", "'x' of .* is missing"),
    ("def forward(x: int) -> int:\n  return __import__(\"os\")\n", "'__import__' is not defined"),
    ("def forward(x: int) -> int:\n  import os\n  return x\n", "not in the language"),
    ("def forward(x: int) -> int:\n  return (lambda: x)()\n", "cannot be called"),
    ("def forward(x: int) -> int:\n  return [y for y in x]\n", "not in the language"),
    ("def forward(x: int) -> int:\n  return self.y\n", "no attribute 'y'"),
    ("def forward(x: int) -> int:\n  return (self).y(x, )\n", "no method 'y'"),
    ("def forward(x: int) -> int:\n  self.y = x\n  return x\n", "no attribute 'y'"),
    ("def forward(x: int) -> int:\n  return CONSTANTS.c7\n", "no constant 7"),
    ("def forward(x: int) -> int:\n  return CONSTANTS.d\n", "no constant"),
    ("def forward(x: int) -> int:\n  return 99999999999999999999\n", "64 bits"),
    ("def forward(x: int) -> int:\n  return b\"a\"\n", "not in the language"),
    ("def forward(x: int) -> int:\n  return (1, 2)[5]\n", "no position"),
    ("def forward(x: Nothing) -> int:\n  return 1\n", "'Nothing' is not a type"),
    ("def forward(x: List[int, int]) -> int:\n  return 1\n", "is not a type"),
    ("def forward(x: __torch__.Nothing) -> int:\n  return 1\n", "no class '__torch__.Nothing'"),
    ("def forward(x: int) -> int:\n  a, b, = x\n  return a\n", "1 values are assigned to 2"),
    ("def forward(x: int) -> int:\n  for i in x:\n    pass\n  return x\n", "range"),
    ("def forward(x: int) -> int:\n  return x +\n", "not in the language of archives"),
    ("def forward(x: Tensor) -> Tensor:\n  return torch.to(x, 999)\n", "999 is not the number of a dtype"),
    ("def forward(x: Tensor) -> Tensor:\n  return ops.prim.ConstantMKLDNNTensor()\n", "optimize_for_inference"),
    ("def forward(x: int) -> int:\n  return " + "(" * 300 + "x" + ")" * 300 + "\n", "language|nest|parse"),
    ("def forward(x: int) -> int:\n  return " + "-" * 5000 + "x\n", "language|nest|parse"),
    ("def forward(x: int) -> int:\n  return " + "x." * 20000 + "y\n", "language|nest|parse|too"),
]  # fmt: skip


@pytest.mark.parametrize("method, message", REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused(method: str, message: str) -> None:
    archive = read_archive(with_functions(method))
    with pytest.raises(ArchiveError, match=message) as raised:
        archive.compile_all()
    assert "<archive>" in str(raised.value)


@pytest.mark.parametrize(
    "code, message",
    [
        ("class M(Other):\n  x : int\n", "base 'Other'"),
        ("class M(Module):\n  x : int\n  x : int\n", "stands twice"),
        ("class M(Module):\n  print(1)\n", "not what a class"),
        ("class M(Module):\n  __parameters__ = [\"w\"]\n", "no such attribute"),
        ("class M(Module):\n  __parameters__ = 3\n", "no list of names"),
        ("class M(Module):\n  x : Final[int] = f()\n", "no literal"),
        ("class M(NamedTuple):\n  _x : int\n", "cannot be a field"),
        ("class M(NamedTuple):\n  x : __torch__.M\n", "built from itself"),
        ("class M(Enum):\n  A = x\n", "no literal"),
        ("class M:\n  def f(self) -> int:\n    return 1\n  def f(self) -> int:\n    return 2\n", "'f' twice"),
        ("class M:\n  x : int\nclass M:\n  x : int\n", "'M' twice"),
        ("class M:\n  x : (\n", "not in the language"),
        ("@decorated\nclass M(Module):\n  x : int\n  @decorated\n  def f(self) -> int:\n    return 1\n", "not"),
    ],
)  # fmt: skip
def test_definitions_that_are_refused(code: str, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        read = read_archive(archive(code))
        read.compile_all()
        read.instantiate(lambda cls, attributes: attributes)
