"""The language's own operators: schemas are PyTorch's, and Python does what its compiler does."""

import ast
import copy
import itertools
import math

import pytest
import torch

from torchscript import types as T
from torchscript.operators import builtin_of, language_schemas_of, schema_of, schemas_of
from torchscript.operators.language import BUILTINS
from torchscript.operators.language.builtin import table
from torchscript.operators.runtime_helpers import NAMESPACE, exception_class
from torchscript.schema import parse_schema

PYTORCH = {parse_schema(str(schema)).key: str(schema).rstrip() for schema in torch._C._jit_get_all_schemas()}

CHOICES = {f"prim::{f}.{k}" for f in ("min", "max") for k in ("int", "float", "int_float", "float_int")}
"""What is written as a choice of two variables."""


@pytest.mark.parametrize("key", BUILTINS)
def test_the_schema_is_that_of_pytorch(key):
    text = str(BUILTINS[key].schema)
    if key == "prim::dtype":  # an int there; here a dtype, that prints as one
        text = text.replace("ScalarType", "int")
    assert text == PYTORCH[key]


@pytest.mark.parametrize("key", BUILTINS)
def test_the_python_is_complete(key):
    builtin = BUILTINS[key]
    used = {n.id for n in ast.walk(builtin.tree) if isinstance(n, ast.Name)}
    places = [n.id for n in ast.walk(builtin.tree) if isinstance(n, ast.Name) and n.id.startswith("_")]
    if key in CHOICES:  # each operand is computed once all the same: test_least_and_greatest.py
        assert sorted(places) == ["_0", "_0", "_1", "_1"]
    else:
        assert len(places) == len(set(places)), "an argument is computed once"
    for name in used - set(places):
        assert name in NAMESPACE or name in vars(__import__("builtins")), name
    if builtin.schema.is_vararg:
        return
    for place in places:
        assert int(place[1:]) < len(builtin.schema.arguments)


def run(builtin, arguments):
    names = [ast.Name(f"a{i}", ast.Load()) for i in range(len(arguments))]
    tree = builtin.build(names)
    scope = {**NAMESPACE, **{f"a{i}": value for i, value in enumerate(arguments)}}
    if isinstance(tree, ast.stmt):
        exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<builtin>", "exec"), scope)
        result = None
    else:
        result = eval(compile(ast.fix_missing_locations(ast.Expression(tree)), "<builtin>", "eval"), scope)
    return arguments[0] if builtin.returns_first else result


NUMBERS = {
    T.INT: [0, 1, 2, 5, -3],
    T.FLOAT: [0.25, 1.0, 2.0, -1.5, 3.7],
    T.BOOL: [True, False],
    T.COMPLEX: [1 + 2j, -0.5j],
    T.NUMBER: [2, 1.5],
    T.STRING: ["", "abc", "b", " Ab c ", "42", "a\tb\nc"],
}


def samples(type, name):
    if name == "width":  # nor from a negative one
        return [0, 4, 9]
    if name == "start":  # PyTorch finds what begins behind `end`
        return [0, 1]
    if name in ("end", "max"):  # 0 is no limit there
        return [-1, 2]
    if type in NUMBERS:
        if type == T.STRING and name == "fillchar":
            return ["*"]
        if name in ("substr", "old", "separator"):  # PyTorch does not come back from an empty one
            return ["b", "c ", "zz"]
        return NUMBERS[type]
    match type:
        case T.TensorType():
            return [torch.tensor(2.0), torch.tensor([[1.5]])]
        case T.OptionalType():
            return [None, *samples(type.element, name)[:2]]
        case T.ListType(element=T.TypeVariable()):
            return [[3, 1, 2], []]
        case T.ListType():
            inner = samples(type.element, name)
            return [inner[:3], inner[2:], []]
        case T.DictType():
            keys = samples(type.key, name)
            return [{k: i for i, k in enumerate(keys[:3])}, {}]
        case T.TypeVariable():
            return [7]
        case T.TupleType():
            return list(zip(*(samples(e, name) for e in type.elements), strict=False))
    return []


# Where Python and PyTorch's compiler differ, Python is right.
DIFFERENT = {
    "aten::round.Scalar": "the round of an int is an int",
    "aten::pow.Scalar_Scalar": "the power of ints is an int",
    "aten::pow.int_to_int": "PyTorch puts a float there",
    "aten::log.int_complex": "PyTorch takes the real logarithm of negative bases",
    "aten::log.complex_int": "the same",
    "aten::log.float_complex": "the same",
    "aten::log.complex_float": "the same",
    "aten::splitlines": "PyTorch makes lines of the line ends",
}
# Python keeps an int that is the least, the greatest or the sum.
INT_STAYS = {
    "prim::min.int_float",
    "prim::min.float_int",
    "prim::max.int_float",
    "prim::max.float_int",
    "prim::max",
    "prim::min",
    "aten::sum.float",
    "aten::sum.complex",
}
COMPARED = ("numbers", "mathematics", "strings", "lists", "dicts")


def comparable():
    import torchscript.operators.language as language

    for name in COMPARED:
        for builtin in getattr(language, name).TABLE:
            if not builtin.schema.is_vararg and builtin.schema.key not in DIFFERENT:
                yield builtin.schema.key


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        # PyTorch computes with float32 for some overloads
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-6)
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, complex) and isinstance(b, complex):
        return abs(a - b) < 1e-9
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("key", comparable())
def test_the_python_does_what_pytorch_does(key):
    builtin = BUILTINS[key]
    schema = builtin.schema
    name = schema.name.partition("::")
    packet = getattr(getattr(torch.ops, name[0]), name[2])
    operator = getattr(packet, schema.overload or "default")
    compared = 0
    choices = [samples(a.type, a.name) for a in schema.arguments]
    for arguments in itertools.islice(itertools.product(*choices), 150):
        ours, theirs = copy.deepcopy(arguments), copy.deepcopy(arguments)
        # Python first: what it refuses, PyTorch may not survive (an int divided by 0)
        try:
            got = run(builtin, list(ours))
        except (ArithmeticError, ValueError, IndexError, TypeError, KeyError):
            continue
        try:
            wanted = operator(*theirs)
        except (RuntimeError, ValueError, IndexError, KeyError, TypeError):
            continue
        if isinstance(got, complex) and not isinstance(wanted, complex):
            continue  # Python leaves the reals
        if key in INT_STAYS and isinstance(got, int):
            got = type(wanted)(got)
        if schema.returns:
            assert same(got, wanted), (arguments, got, wanted)
        compared += 1
    if not compared:
        pytest.skip("no sample")


def test_what_is_written_and_what_reaches_outside():
    assert not builtin_of(schema_of("prim::Print")).pure
    assert not builtin_of(schema_of("aten::warn")).pure
    assert builtin_of(schema_of("aten::append.t")).pure  # the schema says that it writes
    assert builtin_of(schema_of("aten::append.t")).returns_first
    assert builtin_of(schema_of("aten::relu")) is None


def test_operators_of_python():
    assert builtin_of(schema_of("aten::add.int")).operator == "+"
    assert builtin_of(schema_of("aten::__isnot__")).operator == "is not"
    assert builtin_of(schema_of("aten::__not__")).operator == "not"
    assert builtin_of(schema_of("aten::len.t")).operator is None


def test_the_syntax_tree_of_a_call_is_new_each_time():
    builtin = builtin_of(schema_of("aten::format"))
    arguments = [ast.Constant("{} {}"), ast.Name("x"), ast.Name("y")]
    assert ast.unparse(builtin.build(arguments)) == "'{} {}'.format(x, y)"
    assert ast.unparse(builtin.build(arguments[:1])) == "'{} {}'.format()"
    assert ast.unparse(builtin_of(schema_of("aten::percentFormat")).build(arguments)) == "'{} {}' % (x, y)"


def test_language_overloads_come_after_those_of_the_dispatcher():
    overloads = [s.overload for s in schemas_of("aten::add")]
    assert overloads[:2] == ["Tensor", "Scalar"] and overloads.index("int") > overloads.index("out")
    assert language_schemas_of("aten::relu") == ()


def test_a_table_without_an_implementation_is_refused():
    with pytest.raises(AssertionError, match="without an implementation"):
        table("aten::f(int a) -> int")


def test_sizes_of_tensors_are_lists_to_operators_that_make_new_ones():
    size = torch.rand(2, 3).size()
    assert run(BUILTINS["aten::add.t"], [size, [4]]) == [2, 3, 4]
    assert run(BUILTINS["aten::eq.int_list"], [size, [2, 3]])
    assert run(BUILTINS["aten::copy.t"], [size]) == [2, 3]


def test_defaults_mean_what_they_mean_in_python():
    assert run(BUILTINS["aten::find"], ["abc", "c", 0, -1]) == 2
    assert run(BUILTINS["aten::strip"], ["\r abc \x1c", " \n\t\f\v"]) == "abc"


def test_exceptions_by_name():
    with pytest.raises(KeyError):
        run(BUILTINS["prim::RaiseException"], ["message", "builtins.KeyError"])
    with pytest.raises(RuntimeError):
        run(BUILTINS["prim::RaiseException"], ["message", None])
    assert exception_class("subprocess_that_is_not_imported.Error") is RuntimeError
    assert exception_class("builtins.print") is RuntimeError
