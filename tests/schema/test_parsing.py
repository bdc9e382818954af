"""Schema text ↔ Schema, for every operator that there is."""

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchscript import types as T
from torchscript.schema import NO_DEFAULT, Argument, Schema, parse_schema, parse_schema_type

DISPATCHER = [
    str(torch._C._get_schema(*key.partition(".")[::2]))
    for key in sorted(torch._C._dispatch_get_all_op_names())
    if not key.startswith("torchvision::")
]
LANGUAGE = [str(schema) for schema in torch._C._jit_get_all_schemas()]

# A float's default that PyTorch keeps as an int.
RESPELLED = {"prims::var"}


@pytest.mark.parametrize("texts", [DISPATCHER, LANGUAGE], ids=["dispatcher", "language"])
def test_every_schema_prints_as_it_was_read(texts):
    for text in texts:
        schema = parse_schema(text)
        if schema.key not in RESPELLED:
            assert str(schema) == text.rstrip()


@pytest.mark.parametrize("texts", [DISPATCHER, LANGUAGE], ids=["dispatcher", "language"])
def test_every_schema_can_be_written_from_its_data_alone(texts):
    for text in texts:
        schema = parse_schema(text)
        written = str(without_spelling(schema))
        assert parse_schema(written) == schema
        if "PyObject" not in written:  # registered from Python, when torch.distributed is imported
            torch._C.parse_schema(written)


def without_spelling(schema: Schema) -> Schema:
    def bare(arguments):
        return tuple(dataclasses.replace(a, spelling="") for a in arguments)

    return dataclasses.replace(schema, arguments=bare(schema.arguments), returns=bare(schema.returns))


def test_the_parts_of_a_schema():
    text = (
        "aten::f.over(Tensor(a!) self, SymInt[2]? size=1, "
        "*, ScalarType dtype=6, str s={}) -> (Tensor(a!) x, int)"
    )
    schema = parse_schema(text.format(r'"\"\'\n"'))
    self, size, dtype, s = schema.arguments
    assert (schema.name, schema.overload, schema.key) == ("aten::f", "over", "aten::f.over")
    assert self.is_write and self.alias.before == {"a"} and self.default is NO_DEFAULT
    assert str(size.type) == "int[]?" and size.fixed_size == 2 and size.default == [1, 1]
    assert dtype.kwarg_only and dtype.type == T.DTYPE and dtype.default is torch.float32
    assert s.default == "\"'\n"
    assert schema.return_type == T.TupleType((T.TENSOR, T.INT)) and schema.returns[0].name == "x"
    assert schema.is_mutable and not schema.is_out_variant


def test_alias_letters():
    append = parse_schema("aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)")
    assert append.arguments[1].alias.after == {"*"} and not append.arguments[1].is_write
    foreach = parse_schema("aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()")
    assert foreach.arguments[0].alias.of_elements and foreach.is_mutable
    assert foreach.return_type == T.NONE


@pytest.mark.parametrize(
    "text",
    ["aten::f", "aten::f(", "aten::f(Tensor) -> Tensor", "aten::f(Nothing x) -> ()", "aten::f(int x=) -> ()"],
)
def test_text_that_is_no_schema(text):
    with pytest.raises(ValueError, match="of the schema"):
        parse_schema(text)


LEAVES = [
    T.TENSOR,
    T.INT,
    T.FLOAT,
    T.BOOL,
    T.STRING,
    T.COMPLEX,
    T.NUMBER,
    T.DTYPE,
    T.DEVICE,
    T.ANY,
    T.TypeVariable("t"),
]
TYPES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        inner.map(T.ListType),
        inner.map(T.optional),
        st.builds(T.DictType, st.sampled_from([T.STRING, T.INT]), inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda e: T.TupleType(tuple(e))),
        inner.map(T.FutureType),
    ),
    max_leaves=6,
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda n: n not in ("nan", "inf"))
DEFAULTS = {
    T.INT: st.integers(-(2**63), 2**63 - 1),
    T.FLOAT: st.floats(allow_nan=False),
    T.BOOL: st.booleans(),
    T.STRING: st.text(
        st.characters(codec="ascii", exclude_categories=["Cc"], include_characters="\n\t"), max_size=8
    ),
}


@st.composite
def arguments(draw, kwarg_only=False):
    type = draw(TYPES)
    default = draw(DEFAULTS[type]) if type in DEFAULTS and (kwarg_only or draw(st.booleans())) else NO_DEFAULT
    return Argument(draw(NAMES), type, default, kwarg_only)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(arguments(), max_size=4),
    st.lists(arguments(kwarg_only=True), max_size=2),
    st.lists(TYPES.map(lambda type: Argument("", type)), max_size=3),
)
def test_any_schema_round_trips(positional, keywords, returns):
    schema = Schema("mine::op", "some", tuple(positional + keywords), tuple(returns))
    assert parse_schema(str(schema)) == schema


@given(TYPES)
def test_any_type_round_trips(type):
    from torchscript.schema.model import spell_type

    assert parse_schema_type(spell_type(type)) == type
