"""Mutants of the suite's own programs: a statement is deleted, a name swapped, an operator or an annotation changed.

    python -m tests.fuzz.mutants 3000 --seed 1

Whatever comes out must compile, and then agree with eager mode, or be refused by an error of the library's own.
A mutant may do anything to its process (`nn.Module = nn.Linear(2, 2)`) and may never end, so each runs in a process of
its own, for a limited time.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import copy
import inspect
import io
import os
import pickle
import random
import select
import signal
import sys
import tempfile
import types
import typing
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import torchscript as jit
from tests.conftest import assert_same

SUITE = Path(__file__).parent.parent
FOLDERS = ("language", "specification", "errors")
SLOW = ("nn_sweep", "install", "torch_nn", "legacy", "saving_and")
"""Tests whose programs take long, or change the process."""


class Source(NamedTuple):
    """A file of tests without its tests, and where its programs are."""

    statements: list[ast.stmt]
    programs: list[int]


class Finding(NamedTuple):
    """What came of a mutant: "internal", "differs", "raises", "refused", "agrees"."""

    kind: str
    text: str


def sources() -> list[Source]:
    """The files of the suite that hold programs; those inside a test's body count as well."""
    found = []
    for path in sorted(p for folder in FOLDERS for p in (SUITE / folder).glob("*.py")):
        if any(part in path.name for part in SLOW):
            continue
        statements: list[ast.stmt] = []
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef) and _is_test(statement):
                inner = statement.body if isinstance(statement, ast.FunctionDef) else []
                statements += [s for s in inner if isinstance(s, ast.FunctionDef | ast.ClassDef)]
            else:
                statements.append(statement)
        programs = [i for i, s in enumerate(statements) if isinstance(s, ast.FunctionDef | ast.ClassDef)]
        if programs:
            found.append(Source(statements, programs))
    return found


def _is_test(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return node.name.startswith("test") or any("pytest" in ast.unparse(d) for d in node.decorator_list)


# -- mutations -------------------------------------------------------------------------------------------------

_BINARY = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.BitAnd,
    ast.BitOr,
    ast.MatMult,
)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_CONSTANTS = (0, 1, -1, 2, 100, 0.5, "a", "", None, True, False)
_ANNOTATIONS = (
    "int", "float", "str", "bool", "torch.Tensor", "List[int]", "Optional[int]", "Dict[str, int]", "Tuple[int, int]", "Any",
)  # fmt: skip


def _nodes(tree: ast.AST, *kinds: type[ast.AST]) -> list[Any]:
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _places(tree: ast.AST, kind: type[ast.AST]) -> list[tuple[ast.AST, str, int]]:
    return [
        (parent, field, i)
        for parent in ast.walk(tree)
        for field, value in ast.iter_fields(parent)
        if isinstance(value, list)
        for i, item in enumerate(value)
        if isinstance(item, kind)
    ]


def _statement(tree: ast.AST, chance: random.Random) -> None:
    parent, field, i = chance.choice(_places(tree, ast.stmt))
    block = getattr(parent, field)
    way = chance.randrange(3)
    if way == 0 and (len(block) > 1 or field != "body"):
        del block[i]
    elif way == 1:
        block.insert(i, copy.deepcopy(block[i]))
    else:
        j = chance.randrange(len(block))
        block[i], block[j] = block[j], block[i]


def _name(tree: ast.AST, chance: random.Random) -> None:
    names = _nodes(tree, ast.Name)
    chance.choice(names).id = chance.choice(names).id


def _operator(tree: ast.AST, chance: random.Random) -> None:
    chance.choice(_nodes(tree, ast.BinOp, ast.AugAssign)).op = chance.choice(_BINARY)()


def _comparison(tree: ast.AST, chance: random.Random) -> None:
    chance.choice(_nodes(tree, ast.Compare)).ops[0] = chance.choice(_COMPARISONS)()


def _constant(tree: ast.AST, chance: random.Random) -> None:
    chance.choice(_nodes(tree, ast.Constant)).value = chance.choice(_CONSTANTS)


def _annotation(tree: ast.AST, chance: random.Random) -> None:
    argument = chance.choice([a for a in _nodes(tree, ast.arg) if a.annotation is not None])
    other = ast.parse(chance.choice(_ANNOTATIONS), mode="eval").body
    argument.annotation = None if chance.random() < 0.5 else other


def _argument(tree: ast.AST, chance: random.Random) -> None:
    call = chance.choice([c for c in _nodes(tree, ast.Call) if c.args])
    if chance.random() < 0.5:
        call.args.pop(chance.randrange(len(call.args)))
    else:
        call.args.append(copy.deepcopy(chance.choice(call.args)))


def _expression(tree: ast.AST, chance: random.Random) -> None:
    places = _places(tree, ast.expr)
    parent, field, i = chance.choice(places)
    other, other_field, j = chance.choice(places)
    getattr(parent, field)[i] = copy.deepcopy(getattr(other, other_field)[j])


def _attribute(tree: ast.AST, chance: random.Random) -> None:
    found = _nodes(tree, ast.Attribute)
    chance.choice(found).attr = chance.choice(found).attr


def _condition(tree: ast.AST, chance: random.Random) -> None:
    node = chance.choice(_nodes(tree, ast.If, ast.While, ast.IfExp))
    node.test = ast.UnaryOp(ast.Not(), node.test)


MUTATIONS: tuple[Callable[[ast.AST, random.Random], None], ...] = (
    _statement, _statement, _name, _operator, _comparison, _constant, _annotation, _argument, _expression, _attribute,
    _condition,
)  # fmt: skip


def mutant(source: Source, chance: random.Random) -> tuple[str, int, str] | None:
    """The text of a file with one program mutated, which statement that is, and its name; None if nothing came of it."""
    place = chance.choice(source.programs)
    program: Any = copy.deepcopy(source.statements[place])
    try:
        for _ in range(chance.choice((1, 1, 2))):
            chance.choice(MUTATIONS)(program, chance)
        statements = [*source.statements[:place], program, *source.statements[place + 1 :]]
        text = ast.unparse(ast.fix_missing_locations(ast.Module(statements, [])))
        ast.parse(text)
    except (IndexError, ValueError, SyntaxError, TypeError, AttributeError):
        return None
    return text, place, program.name


# -- running ---------------------------------------------------------------------------------------------------

_VALUES: dict[Any, Any] = {int: 3, float: 1.5, bool: True, str: "abc"}


def _value_for(annotation: Any) -> Any:
    """An argument for a parameter; KeyError for a type that is not foreseen."""
    if annotation in (torch.Tensor, inspect.Parameter.empty):
        return torch.arange(6.0).reshape(2, 3) + 1
    inner = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case origin if origin is list:
            return [_value_for(inner[0]) for _ in range(3)]
        case origin if origin is dict:
            return {_value_for(inner[0]): _value_for(inner[1])}
        case origin if origin is tuple:
            return tuple(_value_for(i) for i in inner if i is not Ellipsis)
        case origin if origin in (typing.Union, types.UnionType):
            return _value_for(inner[0])
    return _VALUES[annotation]


_SHARED = (torch, torch.nn, torch.nn.functional, typing)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _defined(text: str, place: int, name: str, path: Path) -> Any:
    """The mutated program: its file is run as far as it runs; an exception where the program itself does not."""
    path.write_text(text)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    for i, statement in enumerate(ast.parse(text).body):
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec"), module.__dict__)
        except Exception:
            if i == place:
                raise
    made = module.__dict__[name]
    if not isinstance(made, type):
        return made
    if not issubclass(made, torch.nn.Module):
        raise TypeError("a class is no program by itself")
    torch.manual_seed(0)
    return made().eval()


def _outcome(program: Any, arguments: list[Any]) -> tuple[bool, Any]:
    torch.manual_seed(1)
    try:
        return True, program(*copy.deepcopy(arguments))
    except Exception as error:
        return False, error


def same(got: Any, want: Any) -> bool:
    try:
        assert_same(got, want)
    except AssertionError:
        return False
    except ValueError:  # of arrays
        return bool(np.array_equal(got, want))
    except RuntimeError:  # of dicts with tensors as keys
        return repr(got) == repr(want)
    return True


def judge(
    text: str,
    place: int,
    name: str,
    path: Path,
    *,
    run: bool = True,
    reached: Callable[[str], None] = lambda stage: None,
) -> Finding | None:
    """What comes of one mutant; None for what Python itself does not take. `reached` is told what comes next."""
    before = [(module, dict(vars(module))) for module in _SHARED]
    with _quietly():
        try:
            program = _defined(text, place, name, path)
            eager = copy.deepcopy(program)
        except Exception:
            return None
        if any(
            vars(module).get(name) is not value for module, names in before for name, value in names.items()
        ):
            return None  # it has replaced a part of PyTorch
        reached("the compiler")
        try:
            compiled = jit.script(program)
        except jit.Error as error:
            return Finding("internal" if "mistake in the compiler" in str(error) else "refused", str(error))
        except Exception as error:
            return Finding("internal", f"{type(error).__name__}: {error}")
        if not run:
            return Finding("compiled", "")
        function = eager.forward if isinstance(eager, torch.nn.Module) else eager
        try:
            hints = typing.get_type_hints(function)
            parameters = inspect.signature(function).parameters.values()
            arguments = [_value_for(hints.get(p.name, p.empty)) for p in parameters if p.default is p.empty]
        except Exception:
            return None
        reached("eager mode")
        want_ok, want = _outcome(eager, arguments)
        reached("the compiled program")
        got_ok, got = _outcome(compiled, arguments)
    if want_ok and got_ok:
        return Finding(
            "agrees" if same(got, want) else "differs", f"eager {want!r}, compiled {got!r}, of {arguments!r}"
        )
    return Finding(
        "raises" if want_ok != got_ok else "agrees", f"eager {want!r}, compiled {got!r}, of {arguments!r}"
    )


SECONDS = 60.0
"""How long a mutant may take."""


def judge_apart(text: str, place: int, name: str, path: Path, *, run: bool = True) -> Finding | None:
    """`judge` in a process of its own, which is ended after `SECONDS`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)

            def tell(what: str | Finding | None) -> None:
                data = pickle.dumps(what)
                os.write(writing, len(data).to_bytes(8, "little") + data)

            tell(judge(text, place, name, path, run=run, reached=tell))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    stage: str | Finding | None = "the definition"
    try:
        with open(reading, "rb", buffering=0) as pipe:
            while isinstance(stage, str):
                if not select.select([pipe], [], [], SECONDS)[0]:
                    return (
                        None
                        if stage in _OF_PYTHON
                        else Finding("internal", f"{stage} does not come to an end")
                    )
                size = pipe.read(8)
                if len(size) < 8:
                    return (
                        Finding("internal", f"the process ends in {stage}")
                        if stage not in _OF_PYTHON
                        else None
                    )
                data = b""
                total = int.from_bytes(size, "little")
                while len(data) < total:
                    data += pipe.read(total - len(data))
                stage = pickle.loads(data)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return stage


_OF_PYTHON = ("the definition", "eager mode")


def findings(count: int, seed: int, *, run: bool = True) -> Iterator[tuple[str, Finding]]:
    """The programs of `count` mutants, and what came of them."""
    chance = random.Random(seed)
    files = sources()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            made = mutant(chance.choice(files), chance)
            if made is None:
                continue
            text, place, name = made
            path = Path(folder) / f"mutant_{seed}_{number}.py"
            found = judge_apart(text, place, name, path, run=run)
            if found is not None:
                yield ast.unparse(ast.parse(text).body[place]), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tally: collections.Counter[str] = collections.Counter()
    for program, found in findings(options.count, options.seed):
        tally[found.kind] += 1
        if found.kind in ("internal", "differs", "raises"):
            print(f"--- {found.kind}: {found.text}\n{program}\n")
    print(dict(tally))


if __name__ == "__main__":
    main()
