"""Damage inside archived source: tokens, lines, whole expressions, and nesting without end."""

from __future__ import annotations

import ast
import random
import re

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_WORDS = (
    "0", "1", "-1", "9223372036854775807", "9223372036854775808", "1e400", "1" * 5000, "inf", "nan", "None", "True",
    "''", "'a' * 9", "[]", "{}", "()", "(1,)", "self", "torch", "ops", "CONSTANTS.c0", "CONSTANTS.c99", "annotate",
    "uninitialized(Tensor)", "unchecked_cast(int, x)", "__torch__", "__torch__.M", "__torch__.Missing", "...",
    "lambda: 0", "await x", "(y := 1)", "f'{x}'", "b'x'", "[x for x in y]", "*x", "x[::0]", "x if x else x", "not x",
    "x < y < z", "yield", "1j", "Tensor", "Optional[Tensor]", "Dict[str, Any]", "List[List[int]]", "int", "Final[int]",
    "Tuple[()]", "Union[int, str]", "Future[int]", "self.training", "self.__class__", "__import__('os')", "print(self)",
    "torch.relu(x)", "ops.aten.relu(x)", "ops.prim.data(x)", "ops.prim.RaiseException('')", "fork(self.forward, x)",
    "torch.device('nowhere')", "torch.from_file('/etc/passwd', None, 9)", "ops.aten.save(x, 'y')", "dict()", "range(3)",
    "torch.__getitem__(x, 0)", "torch.add(1, 2.5)", "isinstance(x, (list, int))", "getattr(self, 'x')", "__init__",
)  # fmt: skip
_LINES = (
    "  def forward(self: __torch__.M, x: Tensor) -> Tensor:", "    return x", "    pass", "    break", "    continue",
    "    x = 1", "    for i in range(10):", "    while True:", "      pass", "    if True:", "    else:", "import os",
    "class M(Module):", "class M(Enum):", "class M(NamedTuple):", "class M(Interface):", "def f(x):", "  x : Tensor",
    "  x : __torch__.M", "    x = torch.add(x, x)", "    _0, _1, = x", "    self.x = self", "    self.training = 3",
    "    with self as y:", "    ops.prim.RaiseException('a', 'b')", "    def g():", "  __parameters__ = ['x', ]",
    "  n : Final[int] = 3", "    del x", "    assert x", "    raise x", "    global x", "    x[0] = x", "    x.y = x",
    "  __annotations__['0'] = __torch__.M", "  __forward_hooks__ = ['f', ]", "@staticmethod", "    x: int = None",
    "\tx", "    setattr(self, 'x', x)", "    return None", "    x = [x]", "    x = (x, x)", "    x += x", "\0", "\\",
)  # fmt: skip


def changed_source(record: bytes, chance: random.Random) -> bytes:
    text = record.decode("utf-8", "replace")
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = chance.choice((_tokens, _tokens, _lines, _lines, _expressions, _expressions, _nesting, _many))(
            text, chance
        )
    return text.encode("utf-8", "surrogatepass")


def _tokens(text: str, chance: random.Random) -> str:
    tokens = _TOKENS.findall(text)
    if not tokens:
        return chance.choice(_WORDS)
    at = chance.randrange(len(tokens))
    words = [i for i, token in enumerate(tokens) if not token.isspace()] or [0]
    match chance.randrange(5):
        case 0:
            del tokens[at]
        case 1:
            other = chance.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        case 2:
            tokens[chance.choice(words)] = chance.choice(_WORDS)
        case 3:
            tokens[chance.choice(words)] = tokens[chance.choice(words)]
        case _:
            tokens.insert(at, tokens[chance.choice(words)])
    return "".join(tokens)


def _lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    if not lines:
        return chance.choice(_LINES)
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = " " * chance.choice((1, 2, 3, 4, 8)) + lines[at].lstrip()
        case 4:
            first, last = sorted((at, other))
            lines[first:first] = lines[first:last]
        case 5:
            lines.insert(at, chance.choice(_LINES))
        case _:
            indent = len(lines[at]) - len(lines[at].lstrip())
            lines.insert(at, " " * indent + chance.choice(_LINES).strip())
    return "\n".join(lines) + "\n"


class _Expressions(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[ast.expr] = []

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr) and node.end_lineno == node.lineno:
            self.found.append(node)
        super().generic_visit(node)


def _expressions(text: str, chance: random.Random) -> str:
    """One expression in the place of another: of the same file, or of a list of odd ones."""
    try:
        visitor = _Expressions()
        visitor.visit(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _tokens(text, chance)
    if not visitor.found:
        return _tokens(text, chance)
    target = chance.choice(visitor.found)
    lines = text.splitlines(keepends=True)
    segment = lambda node: lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset]
    new = segment(chance.choice(visitor.found)) if chance.random() < 0.6 else chance.choice(_WORDS).encode()
    line = lines[target.lineno - 1].encode()
    line = line[: target.col_offset] + new + line[target.end_col_offset :]
    lines[target.lineno - 1] = line.decode("utf-8", "replace")
    return "".join(lines)


def _nesting(text: str, chance: random.Random) -> str:
    """An expression, type or statement that is nested a hundred to a hundred thousand times."""
    count = chance.choice((50, 99, 150, 500, 2_000, 10_000, 100_000))
    few = min(count, 2000)
    deep = (
        "(" * count + "x" + ")" * count,
        "[" * count + "x" + "]" * count,
        "x" + ".y" * count,
        "x" + "[0]" * count,
        "x" + "(x)" * few,
        "-" * count + "1",
        "not " * few + "x",
        "~" * count + "x",
        "1" + " + 1" * few,
        "torch.add(" * few + "x" + ", 1)" * few,
        "annotate(" * 90 + "int, 1" + ")" * 90,
        "x and " * few + "x",
        "x if x else " * few + "x",
        "List[" * few + "int" + "]" * few,
        "Tuple[" + "int, " * few + "int]",
        "Optional[" * 80 + "int" + "]" * 80,
        "(" * 80 + "x, " * few + ")" * 80,
        "'" + "a" * count + "'",
        "'%s'" + " % x" * few,
        "{" * 80 + "}" * 80,
        "1 ** " * few + "1",
    )
    if chance.random() < 0.6:
        visitor = _Expressions()
        try:
            visitor.visit(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
        if visitor.found:
            target = chance.choice(visitor.found)
            lines = text.splitlines(keepends=True)
            line = lines[target.lineno - 1].encode()
            new = chance.choice(deep).encode()
            line = line[: target.col_offset] + new + line[target.end_col_offset :]
            lines[target.lineno - 1] = line.decode("utf-8", "replace")
            return "".join(lines)
    heads = ("if True:", "while True:", "for i in range(2):", "with self:", "def f():")
    head = chance.choice(heads)
    levels = min(count, chance.choice((20, 60, 99, 200)))
    body = "".join("    " + " " * i + head + "\n" for i in range(levels)) + "    " + " " * levels + "y = 1\n"
    if chance.random() < 0.3:
        body = (
            "    if x:\n      y = 1\n"
            + "    elif x:\n      y = 2\n" * min(count, 3000)
            + "    else:\n      y = 3\n"
        )
    return _after_a_def(text, body, chance)


def _many(text: str, chance: random.Random) -> str:
    """The same statement many times, or a large class."""
    few = chance.choice((10, 100, 1000, 5000))
    many = (
        "    y = 1\n" * few,
        "    y = [" + "1, " * few + "]\n",
        "    " + "y = " * few + "1\n",
        "    y = torch.add(x, x)\n" * few,
        "    y = (y, y)\n" * chance.choice((30, 300)),
        "    y = [y]\n" * chance.choice((30, 300)),
        "    y = 1\n    if True:\n      y = 2\n" * few,
        "    for i in range(2):\n      y = 1\n" * few,
        "    y = {" + "1: 1, " * few + "}\n",
        "    y = __torch__.M()\n" * few,
        "    y = 2\n" + "    y = (y) * (y)\n" * 60,
        "    y = 'ab'\n" + "    y = torch.add(y, y)\n" * 60,
        "    y = [1]\n" + "    y = torch.add(y, y)\n" * 60,
        "    y = torch.mul([0], 1000000000000)\n",
        "    y = torch.pow(10, 1000000000)\n",
        "    y = 'a' % ('x', 'y')\n" * few,
    )
    if chance.random() < 0.2:
        return text + "".join(f"def f{i}(x: Tensor) -> Tensor:\n  return x\n" for i in range(few))
    return _after_a_def(text, chance.choice(many), chance)


def _after_a_def(text: str, body: str, chance: random.Random) -> str:
    """`body`, indented by four, as the first statements of some method."""
    ends = [match.end() for match in re.finditer(r"^  def [^\n]*(?:\n {6}[^\n]*)*:\n", text, re.M)]
    if not ends:
        return text + "def f(x: Tensor) -> Tensor:\n" + re.sub("(?m)^  ", "", body) + "  return x\n"
    at = chance.choice(ends)
    return text[:at] + body + text[at:]
