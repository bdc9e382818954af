"""Text of run-time values: f-strings with specifications, `format`, `%`; the digits are Python's."""

import math
import struct

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import torchscript as jit
from torchscript.frontend import prelude, prelude_decimals


def f_strings(x, f: float, n: int, s: str):
    return (
        f"{f:.2f}|{n:03d}|{s:>5}|{n}|{f:8.3f}|{s!r}|{n:x}|{n:,}|{n:+d}|{f:<9.1f}|{s:*^7}|{n:#b}|{n:>4}|{f:,.2f}|{f:09.2f}|{s:.1}",
        f"{x.sum():.3f} {x.size(0):2d} {s}",
    )  # fmt: skip


def percents(f: float, n: int, s: str):
    return "%.2f|%03d|%s|%d%%|%5s|%-5s|%x|%+d" % (f, n, s, n, s, s, n, n), "%s and %d" % (s, n), "%6.2f" % f


def formats(f: float, n: int, s: str):
    return (
        "{:.2f} {:03d} {} {name:>4}".format(f, n, s, name=s),
        "{1} {0}".format(n, s),
        "{:.1%} {:d}{{}}".format(f, n),
    )


def reprs(s: str, t: str):
    return repr(s), f"{t!r:>8}", s * 2, "-" * len(s), [s, t][0] * len(t)


CASES = [
    *((f_strings, torch.ones(3), f, n, "ab") for f, n in ((3.14159, 7), (-2.5, -1234567), (0.0, 0), (1e6, 12))),
    (percents, 3.14159, 7, "ab"), (formats, -0.4567, 7, "ab"), (reprs, "it's", 'a\n"b"\t\\'), (reprs, "", "x\r"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def specifications(f: float, n: int):
    return (
        f"{f:e}|{f:.2e}|{f:.0e}|{f:E}|{f:g}|{f:.3g}|{f:G}|{f:#.3g}|{f:.3}|{f:12.4g}|{f:<12.2e}|{f:+.1e}|{f:010.3g}|{f:F}",
        f"{n:e}|{n:g}|{n:_}|{n:o}|{n:X}|{n:n}|{n:c}|{f:,.3f}",
        "%g|%e|%.2e|%10.3g|%G" % (f, f, f, f, f),
        "{:g} {!r:>6} {!s:>6} {1:.2e}".replace("{1", "{").format(f, n, n, f),
    )  # fmt: skip


def amounts_at_run_time(s: str, w: int, f: float):
    return f"{s:>{w}}|{s:*^{w + 4}}|{w:{w}d}|{f:.{w}f}|{f:{w + 8}.{w}e}", "{:>{w}}|{:.{p}f}".format(
        s, f, w=w, p=2
    )


def of_tensors(x: torch.Tensor):
    return f"{x.item():.3f}|{x.item():.2e}|{float(x):g}|{x:.2f}|{x.item():>12}"


SPECIAL = [
    0.0, -0.0, 1.0, 1.5, 0.1, 1e16, 1e20, 123456789.0, 1e-5, 0.00012345, 9.9995, 999999.5, 5e-324,
    1.7976931348623157e308, math.inf, -math.inf, math.nan,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_every_specification_of_floats():
    scripted = jit.script(specifications)
    for value in SPECIAL:
        assert scripted(value, 97) == specifications(value, 97)


def test_specifications_that_are_known_at_run_time(assert_everywhere):
    assert_everywhere(amounts_at_run_time, "abc", 5, 3.14159)
    assert_everywhere(amounts_at_run_time, "abc", 0, 2.5)


def test_of_tensors_with_one_element(assert_everywhere):
    assert_everywhere(of_tensors, torch.tensor(1.5))


def test_what_is_no_specification_is_refused(assert_refused):
    def f(x: float):
        return f"{x:x}"

    assert "':.3f'" in assert_refused(f, "return")


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 20))
@example(9.5, 0)
@example(0.5, 1)
def test_scientific_and_general_are_pythons(value, precision):
    size = abs(value)
    assert prelude_decimals.scientific(value, precision, False) == f"{size:.{precision}e}"
    assert prelude_decimals.general(value, precision, False, False) == f"{size:.{precision}g}"
    assert prelude_decimals.general(value, precision, True, False) == f"{size:#.{precision}g}"
    assert prelude_decimals.general(value, precision, False, True) == f"{size:.{precision}}"


@given(st.floats(allow_nan=False, min_value=-1e17, max_value=1e17), st.integers(0, 9))
@example(2.675, 2)
@example(0.5, 0)
@example(1.5, 0)
@example(-0.0, 1)
@example(0.125, 2)
@example(9.9999, 3)
@example(5e-324, 3)
@example(math.inf, 2)
def test_digits_are_correctly_rounded(value, precision):
    text = prelude.signed(prelude_decimals.fixed(value, precision), math.copysign(1.0, value) < 0, "")
    assert text == f"{value:.{precision}f}"


def test_digits_of_many_bit_patterns():
    generator = torch.Generator().manual_seed(0)
    for bits in torch.randint(0, 2**62, (2000,), generator=generator).tolist():
        value = struct.unpack("d", struct.pack("q", bits % (0x43C0 << 48)))[0]
        if math.isfinite(value) and abs(value) < 4e18:
            assert prelude_decimals.fixed(value, 5) == f"{value:.5f}"
