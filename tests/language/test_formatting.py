"""Text of run-time values: f-strings with specifications, `format`, `%`; the digits are Python's."""

import math
import struct

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from torchscript.frontend import prelude


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


def test_what_has_no_digits_yet_is_refused(assert_refused):
    def f(x: float):
        return f"{x:.3e}"

    assert "':.3f'" in assert_refused(f, "return")


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
    text = prelude.signed(prelude.fixed(value, precision), math.copysign(1.0, value) < 0, "")
    assert text == f"{value:.{precision}f}"


def test_digits_of_many_bit_patterns():
    generator = torch.Generator().manual_seed(0)
    for bits in torch.randint(0, 2**62, (2000,), generator=generator).tolist():
        value = struct.unpack("d", struct.pack("q", bits % (0x43C0 << 48)))[0]
        if math.isfinite(value) and abs(value) < 4e18:
            assert prelude.fixed(value, 5) == f"{value:.5f}"
