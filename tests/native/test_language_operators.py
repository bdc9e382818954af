"""The language's own operators in C++ (`ts::lang`) beside the Python that the tables give for them.

One program calls all operators on numbers, strings, lists and dicts with samples, and those of which samples make no
sense, some on tensors among them, by hand (`language_expressions.py`).
"""

import ast
import builtins
import copy
import itertools
import json
import math
import re
import subprocess
from pathlib import Path

import pytest
import torch

from torchscript import types as T
from torchscript.codegen.cpp.language import NATIVE_OPERATORS, function_of
from torchscript.native.build import including_precompiled, toolchain
from torchscript.native.compiler import CompilerError, find_compiler
from torchscript.operators.language import BUILTINS
from torchscript.operators.runtime_helpers import NAMESPACE

from .language_expressions import EXPRESSIONS
from .language_samples import INF, NAN, cpp_literal, cpp_type, samples

MOST = 120
TABLES = ("numbers", "mathematics", "strings", "lists", "dicts")
"""The tables whose operators are called with samples."""

BY_HAND = {
    "aten::update.Tensor",
    # what needs other types than the schema says, or changes the process
    "aten::__is__", "aten::__isnot__", "aten::hash.generic", "prim::id", "prim::EnumName", "prim::EnumValue.int",
    "prim::EnumValue.float", "prim::EnumValue.str", "aten::eq.enum", "aten::ne.enum", "prim::RaiseException",
    "aten::warn", "aten::set_grad_enabled", "aten::manual_seed", "aten::manual_seed.generator", "aten::Generator",
    "aten::initial_seed", "aten::seed", "prim::TimePoint", "aten::backward", "aten::backward.TensorList", "aten::grad",
    "aten::_no_grad_uniform_", "aten::_no_grad_normal_", "aten::_no_grad_embedding_renorm_", "aten::cuda",
    "aten::_tensor_to_list", "aten::broadcast_shapes", "aten::_infer_size",
    "aten::tensor", "aten::as_tensor.list", "prim::tolist",
    "prim::unchecked_unwrap_optional", "prim::unchecked_cast",
}  # fmt: skip
"""Operators that are not called with every kind of sample, but in EXPRESSIONS."""

SMALL = [0, 1, -3, 7, 64]
SAMPLES_OF = {
    **{
        key: SMALL
        for key in ("aten::pow.int", "aten::pow.int_to_int", "aten::__lshift__.int", "aten::factorial.int")
    },
}
"""Ints for operators that would have Python compute numbers of a gigabyte."""


NOT_INFINITE = {"aten::pow.float_complex", "aten::pow.complex_float", "aten::pow.complex"}
"""What Python raises for infinite arguments of these depends on the C library."""


def keys_of(table):
    import torchscript.operators.language as language

    return [b.schema.key for b in getattr(language, table).TABLE if not b.schema.is_vararg]


def variants(schema):
    """The argument types of a schema, for some choices of its type variables."""
    if not any(isinstance(t, T.TypeVariable | T.AnyType) for a in schema.arguments for t in a.type.walk()):
        yield tuple(a.type for a in schema.arguments)
        return
    of_dict = any(isinstance(a.type, T.DictType) for a in schema.arguments)
    for chosen in [T.FLOAT] if of_dict else [T.INT, T.STRING, T.BOOL]:
        yield tuple(bound(a.type, chosen) for a in schema.arguments)


def bound(type, chosen):
    if isinstance(type, T.TypeVariable | T.AnyType):
        return chosen
    return type.with_contained(tuple(bound(t, chosen) for t in type.contained)) if type.contained else type


def choices_of(builtin, types):
    small = SAMPLES_OF.get(builtin.schema.key)
    if builtin.schema.key in NOT_INFINITE:
        return [
            [x for x in samples(t, a.name) if abs(x) < 1e200] for t, a in zip(types, builtin.schema.arguments)
        ]
    arguments = zip(types, builtin.schema.arguments, strict=True)
    return [small if small and t == T.INT else samples(t, a.name) for t, a in arguments]


def combinations(choices):
    """What the driver calls: some of all combinations, and their places among all."""
    total = math.prod(map(len, choices))
    step = total // MOST + 1
    return [(i, c) for i, c in enumerate(itertools.product(*choices)) if i % step == 0]


CASES = {
    f"{key} {i}": (BUILTINS[key], types)
    for table in TABLES
    for key in keys_of(table)
    if key in NATIVE_OPERATORS - BY_HAND
    for i, types in enumerate(variants(BUILTINS[key].schema))
}


CLOSE = {key for key in keys_of("mathematics")} | {
    b.schema.key for b in BUILTINS.values() if "complex" in str(b.schema) or ".pow" in b.schema.key
}
"""Operators whose last digit is the C library's, and Python's another one."""


def source_of(cases):
    lines = [
        '#include "language_driver.h"',
        "using namespace ts;",
        "static Tensor sample_tensor(std::vector<double> v, std::vector<int64_t> sizes, at::ScalarType dtype) {",
        "  Tensor out = at::empty(sizes, at::kDouble);",
        "  std::copy(v.begin(), v.end(), out.mutable_data_ptr<double>());",
        "  return out.to(dtype);",
        "}",
    ]
    arrays, body = {}, []
    for name, (builtin, types) in cases.items():
        used = []
        for type, values in zip(types, choices_of(builtin, types), strict=True):
            cpp = cpp_type(type)
            literal = f"std::vector<{cpp}>{{{', '.join(cpp_literal(v, type) for v in values)}}}"
            used.append(arrays.setdefault(literal, f"samples{len(arrays)}"))
        parameters = ", ".join(f"{cpp_type(t)} a{i}" for i, t in enumerate(types))
        arguments = ", ".join(f"a{i}" for i in range(len(types)))
        function = function_of(builtin.schema.key)
        result = "void" if not builtin.schema.returns else "auto"
        body.append(
            f'  driver::run("{name}", {MOST}, +[]({parameters}) -> {result} {{ return lang::{function}({arguments}); }}'
            + "".join(f", {u}" for u in used)
            + ");"
        )
    lines += [f"static const auto {name} = {literal};" for literal, name in arrays.items()]
    for name, (expression, _) in EXPRESSIONS.items():
        value = f"[]() -> decltype(auto) {{ return {expression}; }}"
        body.append(f"  driver::call<>({json.dumps(name)}, 0, {value});")
    chunks = [body[i : i + 100] for i in range(0, len(body), 100)]
    for i, chunk in enumerate(chunks):
        lines += [f"static void part{i}() {{", *chunk, "}"]
    lines += ["int main() {", "  ts::format_tensor_hook = driver::written;"]
    lines += [f"  part{i}();" for i in range(len(chunks))]
    return "\n".join([*lines, "}", ""])


def compiled(directory, text):
    """The lines that a program prints."""
    try:
        compiler = find_compiler()
    except CompilerError as error:
        pytest.skip(str(error))
    tools = toolchain(compiler, progress=False)
    source, program = directory / "program.cpp", directory / "program"
    source.write_text(text)
    level = "-O1" if compiler.is_clang else "-O0"  # clang takes no header that was compiled with -O for -O0
    flags = [*compiler.command, *compiler.flags, level, "-g0", f"-I{Path(__file__).parent}"]
    include = including_precompiled(compiler, tools)
    link = [flag for flag in compiler.link if flag != "-shared"]
    command = [*flags, *include, str(source), str(tools / "libruntime.a"), "-o", str(program), *link]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (
        "\n".join([x for x in done.stderr.splitlines() if "error" in x][:20]) or done.stderr[-2000:]
    )
    printed = subprocess.run([str(program)], capture_output=True, check=True).stdout.decode(
        "utf-8", "surrogatepass"
    )
    return printed.split("\n")[:-1]


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """What the C++ of every case gives: (result, arguments afterwards) by case and place."""
    found = {}
    for line in compiled(tmp_path_factory.mktemp("operators"), source_of(CASES)):
        name, place, result, after = map(unescaped, line.split("\t"))
        found.setdefault(name, {})[int(place)] = (result, after)
    return found


def unescaped(text):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


def run(builtin, arguments):
    """What Python gives, or the exception it raises; and the arguments afterwards."""
    tree = builtin.build([ast.Name(f"a{i}", ast.Load()) for i in range(len(arguments))])
    scope = {**NAMESPACE, **{f"a{i}": value for i, value in enumerate(arguments)}}
    try:
        if isinstance(tree, ast.stmt):
            exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<builtin>", "exec"), scope)
            result = None
        else:
            result = eval(
                compile(ast.fix_missing_locations(ast.Expression(tree)), "<builtin>", "eval"), scope
            )
    except (ArithmeticError, ValueError, IndexError, TypeError, KeyError, RuntimeError) as error:
        return error, arguments
    if not builtin.schema.returns:
        result = None
    return arguments[0] if builtin.returns_first else result, arguments


def made(dtype, sizes, values):
    return (
        torch.tensor(values, dtype=torch.complex128)
        .reshape(sizes)
        .to(getattr(torch, dtype.removeprefix("torch.")))
    )


READING = {"nan": NAN, "inf": INF, "nanj": complex(0, NAN), "infj": complex(0, INF), "made": made, "undefined": None,
           "torch": torch,
           "device": torch.device}  # fmt: skip


def read(text):
    return eval(text, dict(READING))


def coerced(value, type):
    """A value of Python as one of a static type: an int of 64 bits, a float where Python keeps an int."""
    if type == T.INT and isinstance(value, int):
        return (value + 2**63) % 2**64 - 2**63
    if type == T.FLOAT and isinstance(value, int):
        return float(value)
    if type == T.COMPLEX and isinstance(value, int | float):
        return complex(value)
    if isinstance(type, T.ListType) and isinstance(value, list | tuple):
        return [coerced(x, type.element) for x in value]
    if isinstance(type, T.TupleType) and isinstance(value, tuple):
        return tuple(coerced(x, e) for x, e in zip(value, type.elements, strict=True))
    return value


def same(a, b, close=False):
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        exact = a == b and (math.copysign(1, a) == math.copysign(1, b) or close)
        return exact or (close and math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15))
    if isinstance(a, complex) and isinstance(b, complex):
        return same(a.real, b.real, True) and same(a.imag, b.imag, True)
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, list | tuple):
        return (
            type(a) is type(b)
            and len(a) == len(b)
            and all(same(x, y, close) for x, y in zip(a, b, strict=True))
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and same(list(a.items()), list(b.items()), close)
    return type(a) is type(b) and a == b


def difference(got, wanted, type, close):
    """What is wrong with the text that C++ printed; None if nothing."""
    if isinstance(wanted, Exception):
        kind, _, message = got.removeprefix("!").partition(":")
        if not got.startswith("!") or not isinstance(wanted, _exception(kind)):
            return "does not raise that"
        if kind not in OWN_ERRORS or "tensor(" in str(wanted) or "made(" in got:
            return None
        raised = str(wanted.args[0]) if isinstance(wanted, KeyError) else str(wanted)
        return None if message == raised else "raises with another message"
    if got.startswith("!"):
        beyond = isinstance(wanted, int) and not -(2**63) <= wanted < 2**63
        if got.startswith("!OverflowError:Python int too large") and beyond:
            return None
        if isinstance(wanted, complex) and type == T.FLOAT and "complex" in got:
            return None
        return "raises"
    return None if same(read(got), coerced(wanted, type), close) else "differs"


OWN_ERRORS = {"ValueError", "IndexError", "KeyError", "ZeroDivisionError", "OverflowError", "TypeError"}
"""Exceptions whose messages are Python's; others are PyTorch's."""


def _exception(kind):
    return getattr(builtins, kind, RuntimeError)


@pytest.mark.parametrize("name", CASES)
def test_the_cpp_does_what_the_python_does(name, native):
    builtin, types = CASES[name]
    close = builtin.schema.key in CLOSE
    result_type = builtin.schema.return_type
    wrong = []
    calls = combinations(choices_of(builtin, types))
    assert calls
    for place, arguments in calls:
        # one by one, so that a tensor is not the same in two of them
        mine = [copy.deepcopy(a) for a in arguments]
        wanted, after = run(builtin, list(mine))
        got, got_after = native[name][place]
        problem = difference(got, wanted, result_type, close)
        if (
            problem == "does not raise that"
            and "complex" in got
            and any(isinstance(a, complex) for a in mine)
        ):
            problem = None  # either way, a float cannot be
        if problem is None and not same(read(got_after), coerced_all(after, types), close):
            problem = f"leaves {got_after}, not {after}"
        if problem:
            wrong.append(f"{arguments}: {problem}: {got} for {wanted!r}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name, native):
    _, wanted = EXPRESSIONS[name]
    got = native[name][0][0]
    try:
        value = wanted()
    except Exception as error:
        value = error
    problem = difference(got, value, None, False)
    assert problem is None, f"{got} for {value!r}"


def test_every_operator_is_called():
    called = {builtin.schema.key for builtin, _ in CASES.values()} | {
        name.rpartition(" ")[0] for name in EXPRESSIONS
    }
    wanted = {key for table in TABLES for key in keys_of(table)} & NATIVE_OPERATORS
    assert wanted - called - {"aten::update.Tensor"} == set()


def coerced_all(values, types):
    return tuple(coerced(v, t) for v, t in zip(values, types, strict=True))
