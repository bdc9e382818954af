"""Valid programs made wrong: parts of their syntax trees are deleted, swapped, doubled and replaced.

Most of what comes out is no valid program of the language, some is not even meant to run. Compiling it must succeed, or
end in an error of the library's own that says what is wrong.
"""

from __future__ import annotations

import ast
import copy
import warnings

import torchscript as jit

from .programs import Program
from .scopes import Choices

REPLACEMENTS = (
    "0", "-1", "2.5", "True", "None", "'text'", "[]", "{}", "()", "(1, 'a')", "[1, 'a']", "self", "undefined", "torch", "F",
    "int", "len", "print", "main", "lambda k: k", "x.shape", "torch.ones(2, 3)", "len()", "range()", "max()", "sum(1)",
    "sorted()", "zip()", "list(1, 2)", "dict(1)", "str(1, 2)", "float('x')", "isinstance(1)", "getattr(1)", "abs()",
    "enumerate()", "reversed(1)", "torch.cat()", "torch.tensor()", "'{}'.format()", "'%d' % 'a'", "int()", "bool()",
    "[1][::0]", "'abc'.join()", "{}.get()", "[].pop(1, 2)", "any()", "min(key=1)", "super()", "type(1)", "hasattr(1)",
)  # fmt: skip
"""Expressions that stand in the place of others."""

STATEMENTS = (
    "break", "continue", "return", "return 1", "pass", "raise", "raise 3", "del undefined", "global g", "nonlocal g",
    "import os", "assert", "yield 1", "x: 3 = 1", "a, *b, *c = 1", "with 3: pass", "try: pass\nfinally: pass",
    "for i in 3: pass", "while 'a': break", "class C: pass", "def g(): return g()", "async def h(): pass", "x.y.z = 1",
    "x[0] = 1", "x += undefined", "(a, b), c = 1, 2", "print(**1)", "match 1:\n    case 1: pass",
)  # fmt: skip


def mutated(program: Program, choices: Choices, most: int = 3) -> str:
    """The source of the program with one to `most` mutations that still parse."""
    tree = ast.parse(program.source)
    for _ in range(choices.number(1, most)):
        changed = copy.deepcopy(tree)
        try:
            _mutate(changed, choices)
            text = ast.unparse(ast.fix_missing_locations(changed))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "mutated", "exec")
        except (SyntaxError, ValueError, AttributeError, TypeError, RecursionError):
            continue  # not even Python
        tree = ast.parse(text)
    return ast.unparse(tree)


def _mutate(tree: ast.Module, choices: Choices) -> None:
    if choices.chance(40):
        _mutate_statement(tree, choices)
    else:
        _mutate_expression(tree, choices)


def _places(tree: ast.AST, kind: type[ast.AST]) -> list[tuple[ast.AST, str, int | None]]:
    """Where in the tree nodes of a kind are: (parent, field, index)."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, kind):
                found.append((parent, field, None))
            elif isinstance(value, list):
                found.extend((parent, field, i) for i, v in enumerate(value) if isinstance(v, kind))
    return found


def _get(place: tuple[ast.AST, str, int | None]) -> ast.AST:
    parent, field, index = place
    value = getattr(parent, field)
    return value if index is None else value[index]


def _set(place: tuple[ast.AST, str, int | None], node: ast.AST) -> None:
    parent, field, index = place
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _mutate_expression(tree: ast.Module, choices: Choices) -> None:
    places = _places(tree, ast.expr)
    place = choices.one_of(places)
    way = choices.number(0, 5)
    parent, field, index = place
    if way == 0:
        _set(place, ast.parse(choices.one_of(REPLACEMENTS), mode="eval").body)
    elif way == 1:  # something from elsewhere in the program
        _set(place, copy.deepcopy(_get(choices.one_of(places))))
    elif way == 2 and index is not None:
        del getattr(parent, field)[index]
    elif way == 3 and index is not None:
        getattr(parent, field).insert(index, copy.deepcopy(_get(place)))
    elif way == 4:
        node = _get(place)
        if isinstance(node, ast.Name):
            node.id = node.id + "_"
        elif isinstance(node, ast.Attribute):
            node.attr = node.attr + "_"
        elif isinstance(node, ast.Constant):
            node.value = choices.one_of((None, "a", 10**30, 1.5, ..., b"b", 2j))
    else:
        wrappers = (
            "({})[0]",
            "({})(1)",
            "({}).a",
            "-({})",
            "not ({})",
            "[{}]",
            "({},)",
            "({}) + 1",
            "len({})",
            "[*({})]",
            "f'{{{}}}'",
        )
        text = choices.one_of(wrappers).format(ast.unparse(_get(place)))
        _set(place, ast.parse(text, mode="eval").body)


def _mutate_statement(tree: ast.Module, choices: Choices) -> None:
    places = [p for p in _places(tree, ast.stmt) if not isinstance(p[0], ast.Module)]
    if not places:
        return
    place = choices.one_of(places)
    parent, field, index = place
    assert index is not None
    block = getattr(parent, field)
    way = choices.number(0, 4)
    if way == 0:
        block[index : index + 1] = ast.parse(_in_function(choices.one_of(STATEMENTS))).body[0].body  # type: ignore[attr-defined]
    elif way == 1:
        del block[index]
        if not block and field == "body":
            block.append(ast.Pass())
    elif way == 2:
        block.insert(index, copy.deepcopy(_get(choices.one_of(places))))
    elif way == 3:
        other = choices.one_of(range(len(block)))
        block[index], block[other] = block[other], block[index]
    else:
        node = _get(place)
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.parse(
                choices.one_of(("int", "List", "List[int]", "3", "'x'", "Foo", "Tuple[int, ...]")),
                mode="eval",
            ).body
        elif isinstance(node, ast.If | ast.While):
            node.test = ast.parse(choices.one_of(REPLACEMENTS), mode="eval").body


def _in_function(statement: str) -> str:
    inner = "\n".join("        " + line for line in statement.splitlines())
    # a loop around, so that `break` parses; only its body is taken
    return f"while True:\n{inner}\n"


def internal_error(source: str) -> str | None:
    """What else than an error of the library's own comes out of compiling a program, if anything does."""
    program = Program(source, [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = program.define()
            entry = program.entry(module)
        except Exception:
            program.forget()
            return None  # Python refuses it already
        try:
            jit.script(entry)
        except jit.Error as error:
            text = str(error)
            if "mistake in the compiler" in text:
                return text
            if isinstance(error, jit.CompileError) and error.where is None:
                return f"does not say where: {text}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            program.forget()
    return None
