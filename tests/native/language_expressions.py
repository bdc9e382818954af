"""Calls of operators that take any types, or change something: C++ beside the Python that it must agree with.

The key of an operator and a number name a call.
"""

import enum

import torch

from torchscript.operators.runtime_helpers import raise_exception


class Color(enum.Enum):
    RED = 1
    BLUE = 2


_LINES = []


def _add(key, cpp, python):
    _LINES.append((key, cpp, python))


# -- text ---------------------------------------------------------------------------------------------------------

_FORMATS = [
    ("{}|{}", [1, "a"]),
    ("{1}{0}{{}}", [1.5, True]),
    ("{:>8.3f}|", [3.14159]),
    ("{:08.2f}", [-3.14159]),
    ("{:+d} {: d} {:,}", [5, 5, 1234567]),
    ("{:x} {:#X} {:b} {:o}", [255, 255, 5, 8]),
    ("{:e} {:.2E} {:g} {:.3g}", [12345.678] * 4),
    ("{:<5}|{:>5}|{:^5}|{:*^7}", ["ab", "ab", "ab", "ab"]),
    ("{!r} {!s:>4} {:.2}", ["it's", "x", "abcdef"]),
    ("{:%} {:.1%}", [0.25, 0.5]),
    ("{:10}|{:<10}|{:^10}", [42, 42, 42]),
    ("{:.3} {:.1} {} {}", [123.0, 0.05, 1e16, 1e-5]),
    ("{} {:5}", [True, True]),
    ("{:_} {:_x} {:010,}", [1234567, 1234567, 1234]),
    ("{:c}{:c}", [65, 8364]),
    ("{}", [[1, 2]]),
    ("{:>{}}|", ["a", 5]),
    ("{} {}", [1]),
    ("{", [1]),
    ("}", []),
    ("{} {0}", [1]),
    ("{0} {}", [1]),
    ("{:d}", ["a"]),
    ("{:d}", [1.5]),
    ("{:.2d}", [1]),
    ("{:>5}", [[1]]),
    ("{:=5}", ["a"]),
    ("{!q}", [1]),
    ("{x}", [1]),
    ("{:5.1f}%", [99.5]),
    ("{:e}", [0.0]),
    ("{:n}", [5]),
    ("{:f}", [float("inf")]),
    ("{:+.1f} {:06.1f}", [float("nan"), float("-inf")]),
    ("{:g} {:g} {:#g}", [1e10, 0.0001, 1.0]),
    ("{}", [1 + 2j]),
    ("{:.2f}", [1 + 2j]),
    ("{:ä>4}|{}", ["b", "größe"]),
    ("{:05}|{:<05}", ["a", 3]),
    ("{:,.2f}", [1234567.891]),
    ("{:-^10d}", [-12]),
    ("{:=+8d}", [12]),
]
_PERCENTS = [
    ("%d %i %5d|%-5d|%05d", [1, -2, 3, 4, 5]),
    ("%s %r %10s|%-4s|%.2s", ["a", "b", "c", "d", "efg"]),
    ("%f %.2f %e %g %8.3f|", [1.5] * 5),
    ("%x %X %o %#x", [255, 255, 8, 255]),
    ("%c%c", ["a", 98]),
    ("100%%", []),
    ("%d", [2.7]),
    ("%s", [[1, 2]]),
    ("%+d % d", [3, 3]),
    ("%*d", [5, 3]),
    ("%.3d", [7]),
    ("%d", ["a"]),
    ("%d %d", [1]),
    ("%d", [1, 2]),
    ("%q", [1]),
    ("%", []),
    ("%x", [1.5]),
    ("%s %s", [True, 1.5]),
    ("%06.2f|%-8.1f|", [3.14159, 2.5]),
    ("%(a)s", [1]),
    ("%f", ["a"]),
    ("%c", [1.5]),
]


def _cpp(value):
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"int64_t({value})"
        case float():
            return {"inf": "double(INFINITY)", "-inf": "double(-INFINITY)", "nan": "double(NAN)"}.get(
                repr(value), repr(value)
            )
        case complex():
            return f"Complex({value.real}, {value.imag})"
        case list():
            return f"List<int64_t>{{{', '.join(map(_cpp, value))}}}"
    return 'Str("' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '")'


for _text, _arguments in _FORMATS:
    _add(
        "aten::format",
        f"lang::format_({', '.join(map(_cpp, [_text, *_arguments]))})",
        lambda t=_text, a=_arguments: t.format(*a),
    )
for _text, _arguments in _PERCENTS:
    _add(
        "aten::percentFormat",
        f"lang::percentFormat_({', '.join(map(_cpp, [_text, *_arguments]))})",
        lambda t=_text, a=_arguments: t % (*a,),
    )
_add(
    "aten::format",
    'lang::format_(Str("{} {:.2f}"), at::scalar_to_tensor(3), at::scalar_to_tensor(1.5))',
    lambda: "3 1.50",
)
_add(
    "aten::str",
    'lang::str_(Dict<Str, std::optional<double>>{{Str("a"), 1.5}, {Str("b"), std::nullopt}})',
    lambda: "{'a': 1.5, 'b': None}",
)
_add("aten::str", "lang::str_(std::tuple<int64_t>(1))", lambda: "(1,)")
_add("aten::str", "lang::str_(std::tuple<>())", lambda: "()")
_add("aten::str", 'lang::str_(std::variant<int64_t, Str>(Str("x")))', lambda: "x")
_add("aten::str", 'lang::str_(Device(c10::Device("cuda:1")))', lambda: "cuda:1")
for _name in ("uint8", "bfloat16", "bool", "complex64", "float8_e4m3fn", "qint8", "uint16"):
    from torchscript.schema import code_of

    _add(
        "aten::str",
        f"lang::str_(static_cast<at::ScalarType>({code_of(getattr(torch, _name))}))",
        lambda n=_name: f"torch.{n}",
    )
for _name in ("strided", "sparse_coo", "sparse_csr", "_mkldnn", "jagged"):
    _add(
        "aten::str",
        f"lang::str_(static_cast<at::Layout>({code_of(getattr(torch, _name))}))",
        lambda n=_name: f"torch.{n}",
    )
_add("aten::str", "lang::str_(at::MemoryFormat::ChannelsLast)", lambda: "torch.channels_last")
_add(
    "prim::Print",
    'driver::printed([] { lang::Print_(Str("a"), 1.5, std::optional<int64_t>(), List<Str>{"b"}); })',
    lambda: "a 1.5 None ['b']\n",
)
_add("prim::Print", "driver::printed([] { lang::Print_(); })", lambda: "\n")

_WORDS = " ".join(chr(c) for c in range(0xA0, 0x1E944, 7) if chr(c).isalpha())
for _method in ("upper", "lower", "title", "swapcase", "capitalize", "isalnum", "isprintable"):
    _add(f"aten::{_method}", f"lang::{_method}_({_cpp(_WORDS)})", lambda m=_method: getattr(_WORDS, m)())

# -- identity, enums, hashes --------------------------------------------------------------------------------------

_add("aten::__is__", "lang::__is___(std::optional<int64_t>(), None())", lambda: True)
_add("aten::__is__", "lang::__is___(std::optional<Tensor>(at::ones({})), None())", lambda: False)
_add("aten::__is__", "lang::__is___(List<int64_t>{1}, List<int64_t>{1})", lambda: False)
_add("aten::__is__", "driver::with_list([](auto x) { return lang::__is___(x, x); })", lambda: True)
_add("aten::__is__", 'lang::__is___(int64_t(1), Str("a"))', lambda: False)
_add("aten::__isnot__", 'lang::__isnot___(None(), std::optional<Str>("a"))', lambda: True)
for _value in (
    0,
    -1,
    -2,
    5,
    2**61 - 1,
    2**62,
    -(2**63),
    1.5,
    -0.0,
    1e300,
    -2.75,
    True,
    float("inf"),
    float("-inf"),
):
    _text = "INT64_MIN" if _value == -(2**63) else _cpp(_value)
    _add("aten::hash.generic", f"lang::hash_({_text})", lambda v=_value: hash(v))
_add("aten::hash.generic", "lang::hash_(std::tuple<int64_t, double>(1, 2.5))", lambda: hash((1, 2.5)))
_add("aten::hash.generic", "lang::hash_(List<int64_t>{1})", lambda: hash([1]))
_add(
    "prim::id",
    "driver::with_list([](auto x) { return lang::id_(x) == lang::id_(x) && lang::id_(x) != 0; })",
    lambda: True,
)
_add("prim::EnumName", "lang::EnumName_(Enum<driver::Color>{1})", lambda: Color.BLUE.name)
for _kind in ("int", "float", "str"):
    _add(f"prim::EnumValue.{_kind}", "lang::EnumValue_(Enum<driver::Color>{1})", lambda: Color.BLUE.value)
_add(
    "aten::eq.enum",
    "lang::eq_(Enum<driver::Color>{1}, Enum<driver::Color>{1})",
    lambda: Color.RED == Color.RED,
)
_add(
    "aten::ne.enum",
    "lang::ne_(Enum<driver::Color>{1}, Enum<driver::Color>{1})",
    lambda: Color.RED != Color.RED,
)
_add("aten::str", "lang::str_(Enum<driver::Color>{1})", lambda: str(Color.BLUE))
_add("aten::str", "lang::str_(List<Enum<driver::Color>>{{1}})", lambda: str([Color.BLUE]))
_add("prim::unchecked_cast", "lang::unchecked_cast_(int64_t(3))", lambda: 3)
_add(
    "prim::unchecked_unwrap_optional",
    "lang::unchecked_unwrap_optional_(std::optional<int64_t>(3))",
    lambda: 3,
)
_add(
    "prim::RaiseException",
    'driver::nothing([] { lang::RaiseException_(Str("no"), std::optional<Str>("builtins.KeyError")); })',
    lambda: raise_exception("no", "builtins.KeyError"),
)
_add(
    "prim::RaiseException",
    'driver::nothing([] { lang::RaiseException_(Str("no"), std::optional<Str>()); })',
    lambda: raise_exception("no", None),
)

# -- tensors ------------------------------------------------------------------------------------------------------

_NOTHING = "Dtype(), std::optional<Device>()"
_add(
    "aten::tensor",
    f"lang::tensor_(List<List<int64_t>>{{{{1, 2}}, {{3, 4}}}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([[1, 2], [3, 4]]),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<double>{{0.1, 2}}, lang::{_NOTHING}, true)",
    lambda: torch.tensor([0.1, 2.0]),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<bool>{{true, false}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([True, False]),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<Complex>{{Complex(1, 2)}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([1 + 2j]),
)
_add(
    "aten::tensor",
    "lang::tensor_(List<int64_t>{1, 2}, lang::Dtype(at::kHalf), std::optional<Device>(), false)",
    lambda: torch.tensor([1, 2], dtype=torch.half),
)
_add(
    "aten::tensor",
    "lang::tensor_(List<int64_t>{1, 300}, lang::Dtype(at::kByte), std::optional<Device>(), false)",
    lambda: torch.tensor([1, 300], dtype=torch.uint8),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<int64_t>{{1, 2}}, lang::{_NOTHING}, true)",
    lambda: torch.tensor([1, 2], requires_grad=True),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<List<int64_t>>{{{{1, 2}}, {{3}}}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([[1, 2], [3]]),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<List<int64_t>>{{List<int64_t>(), List<int64_t>()}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([[], []]),
)
_add("aten::tensor", f"lang::tensor_(List<int64_t>(), lang::{_NOTHING}, false)", lambda: torch.tensor([]))
_add(
    "aten::tensor",
    f"lang::tensor_(List<Tensor>{{at::ones({{}}), at::scalar_to_tensor(2)}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([torch.ones(()), torch.tensor(2)]),
)
_add(
    "aten::tensor",
    f"lang::tensor_(List<Tensor>{{at::ones({{2}})}}, lang::{_NOTHING}, false)",
    lambda: torch.tensor([torch.ones(2)]),
)
_add(
    "aten::as_tensor.list",
    f"lang::as_tensor_(List<int64_t>{{1, 2}}, lang::{_NOTHING})",
    lambda: torch.as_tensor([1, 2]),
)
_add(
    "prim::tolist",
    "lang::tolist_<List<List<int64_t>>>(at::arange(6).reshape({2, 3}))",
    lambda: [[0, 1, 2], [3, 4, 5]],
)
_add("prim::tolist", "lang::tolist_<double>(at::ones({}))", lambda: 1.0)
_add("prim::tolist", "lang::tolist_<List<bool>>(at::ones({2}, at::kBool))", lambda: [True, True])
_add("prim::tolist", "lang::tolist_<List<List<double>>>(at::ones({2, 0}))", lambda: [[], []])
_add("prim::tolist", "lang::tolist_<List<double>>(at::ones({2, 2}).t().select(0, 0))", lambda: [1.0, 1.0])
_add(
    "aten::einsum.sublist",
    "lang::einsum_(at::ones({2, 3}), List<int64_t>{0, 1}, at::ones({3, 4}), List<int64_t>{1, 2}, List<int64_t>{2, 0})",
    lambda: torch.full((4, 2), 3.0),
)
_add(
    "aten::backward",
    "driver::gradient([](auto x) { lang::backward_(x.mul(x).sum(), {}, {}, false); })",
    lambda: torch.tensor([2.0, 4.0]),
)
_add(
    "aten::backward.TensorList",
    "driver::gradient([](auto x) { lang::backward_(List<Tensor>{x.mul(x).sum()}, {}, {}, false); })",
    lambda: torch.tensor([2.0, 4.0]),
)
_add(
    "aten::grad",
    "driver::with_leaf([](auto x) { "
    "return lang::grad_(List<Tensor>{x.mul(x).sum()}, List<Tensor>{x}, {}, {}, false, false); })",
    lambda: [torch.tensor([2.0, 4.0])],
)
_add(
    "aten::_no_grad_uniform_",
    "lang::_no_grad_uniform__(at::ones({2}), 3.0, 3.0, std::optional<at::Generator>())",
    lambda: torch.tensor([3.0, 3.0]),
)
_add(
    "aten::_no_grad_normal_",
    "lang::_no_grad_normal__(at::ones({2}), 3.0, 0.0, std::optional<at::Generator>())",
    lambda: torch.tensor([3.0, 3.0]),
)
_add(
    "aten::_no_grad_embedding_renorm_",
    "lang::_no_grad_embedding_renorm__(at::ones({2, 2}), at::zeros({1}, at::kLong), 1.0, 1.0).round()",
    lambda: torch.tensor([[0.0, 0.0], [1.0, 1.0]]),
)

_add(
    "aten::to.prim_dtype",
    "lang::to_(at::ones({1}), std::optional<int64_t>(4), false, false)",
    lambda: torch.tensor([1]),
)
_add(
    "aten::to.prim_Device",
    "lang::to_(at::ones({1}), std::optional<Device>(at::kCPU), lang::Dtype(at::kLong), false, true)",
    lambda: torch.tensor([1]),
)
_add("aten::_tensor_to_list", "lang::_tensor_to_list_(at::arange(3))", lambda: [0, 1, 2])
_add(
    "aten::broadcast_shapes",
    "lang::broadcast_shapes_(List<int64_t>{3, 1}, List<int64_t>{2, 1, 4})",
    lambda: [2, 3, 4],
)
_add("aten::_infer_size", "lang::_infer_size_(List<int64_t>{3, 1}, List<int64_t>{2})", lambda: [3, 2])
_add(
    "aten::broadcast_shapes",
    "lang::broadcast_shapes_(List<int64_t>{3}, List<int64_t>{2})",
    lambda: torch.broadcast_shapes([3], [2]),
)
_add(
    "aten::sorted.float",
    "lang::sorted_(List<double>{3, NAN, 1, NAN, 0, 2})",
    lambda: sorted([3.0, float("nan"), 1.0, float("nan"), 0.0, 2.0]),
)
_add(
    "aten::sort.any",
    'lang::sorted_(List<std::tuple<Str, int64_t>>{{"b", 1}, {"a", 2}, {"a", 1}})',
    lambda: sorted([("b", 1), ("a", 2), ("a", 1)]),
)

# -- modes, random numbers ----------------------------------------------------------------------------------------

_add("aten::warn", 'driver::warned([] { lang::warn_(Str("careful"), 2); })', lambda: "careful")
_add("aten::set_grad_enabled", "driver::without_grad([] { return lang::is_grad_enabled_(); })", lambda: False)
_SEEDED = "at::rand({3})"


def _seeded():
    return torch.rand(3, generator=torch.Generator().manual_seed(5))


_add("aten::manual_seed", f"(lang::manual_seed_(5), {_SEEDED})", _seeded)
_add(
    "aten::Generator",
    "at::rand({3}, lang::Generator_(std::optional<Device>(), std::optional<int64_t>(5)))",
    _seeded,
)
_add(
    "aten::manual_seed.generator",
    "at::rand({3}, lang::manual_seed_(lang::Generator_(std::optional<Device>(), std::optional<int64_t>()), 5))",
    _seeded,
)
_add(
    "aten::initial_seed",
    "lang::initial_seed_(lang::Generator_(std::optional<Device>(), std::optional<int64_t>(5)))",
    lambda: 5,
)
_add(
    "aten::seed",
    "lang::seed_(lang::Generator_(std::optional<Device>(), std::optional<int64_t>(5))) != 5",
    lambda: True,
)
_add("prim::TimePoint", "lang::TimePoint_() <= lang::TimePoint_()", lambda: True)
_add("aten::has_torch_function", "lang::has_torch_function_(at::ones({1}), int64_t(1))", lambda: False)

EXPRESSIONS = {f"{key} ={i}": (cpp, python) for i, (key, cpp, python) in enumerate(_LINES)}
