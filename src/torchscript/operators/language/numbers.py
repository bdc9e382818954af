"""Numbers and bools: arithmetic, comparison, bits, and conversion into each other."""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# x + y, x - y, x * y
aten::add.int(int a, int b) -> int  := {0} + {1}
aten::add.complex(complex a, complex b) -> complex  := {0} + {1}
aten::add.float(float a, float b) -> float  := {0} + {1}
aten::add.int_complex(int a, complex b) -> complex  := {0} + {1}
aten::add.complex_int(complex a, int b) -> complex  := {0} + {1}
aten::add.float_complex(float a, complex b) -> complex  := {0} + {1}
aten::add.complex_float(complex a, float b) -> complex  := {0} + {1}
aten::add.int_float(int a, float b) -> float  := {0} + {1}
aten::add.float_int(float a, int b) -> float  := {0} + {1}
aten::add(Scalar a, Scalar b) -> Scalar  := {0} + {1}
aten::sub.int(int a, int b) -> int  := {0} - {1}
aten::sub.complex(complex a, complex b) -> complex  := {0} - {1}
aten::sub.float(float a, float b) -> float  := {0} - {1}
aten::sub.int_complex(int a, complex b) -> complex  := {0} - {1}
aten::sub.complex_int(complex a, int b) -> complex  := {0} - {1}
aten::sub.float_complex(float a, complex b) -> complex  := {0} - {1}
aten::sub.complex_float(complex a, float b) -> complex  := {0} - {1}
aten::sub.int_float(int a, float b) -> float  := {0} - {1}
aten::sub.float_int(float a, int b) -> float  := {0} - {1}
aten::sub(Scalar a, Scalar b) -> Scalar  := {0} - {1}
aten::mul.int(int a, int b) -> int  := {0} * {1}
aten::mul.complex(complex a, complex b) -> complex  := {0} * {1}
aten::mul.float(float a, float b) -> float  := {0} * {1}
aten::mul.int_complex(int a, complex b) -> complex  := {0} * {1}
aten::mul.complex_int(complex a, int b) -> complex  := {0} * {1}
aten::mul.float_complex(float a, complex b) -> complex  := {0} * {1}
aten::mul.complex_float(complex a, float b) -> complex  := {0} * {1}
aten::mul.int_float(int a, float b) -> float  := {0} * {1}
aten::mul.float_int(float a, int b) -> float  := {0} * {1}
aten::mul(Scalar a, Scalar b) -> Scalar  := {0} * {1}

# x / y, x // y, x % y, divmod(x, y)
aten::div.int(int a, int b) -> float  := {0} / {1}
aten::div.complex(complex a, complex b) -> complex  := {0} / {1}
aten::div.float(float a, float b) -> float  := {0} / {1}
aten::div(Scalar a, Scalar b) -> float  := {0} / {1}
aten::floordiv.int(int a, int b) -> int  := {0} // {1}
aten::floordiv.float(float a, float b) -> float  := {0} // {1}
aten::floordiv.int_float(int a, float b) -> float  := {0} // {1}
aten::floordiv.float_int(float a, int b) -> float  := {0} // {1}
aten::floordiv(Scalar a, Scalar b) -> Scalar  := {0} // {1}
aten::remainder.int(int a, int b) -> int  := {0} % {1}
aten::remainder.float(float a, float b) -> float  := {0} % {1}
aten::remainder.int_float(int a, float b) -> float  := {0} % {1}
aten::remainder.float_int(float a, int b) -> float  := {0} % {1}
aten::remainder(Scalar a, Scalar b) -> Scalar  := {0} % {1}
aten::divmod.int(int x, int y) -> (int, int)  := divmod({0}, {1})
aten::divmod.float(float x, float y) -> (float, float)  := divmod({0}, {1})
aten::divmod.int_float(int x, float y) -> (float, float)  := divmod({0}, {1})
aten::divmod.float_int(float x, int y) -> (float, float)  := divmod({0}, {1})
aten::__round_to_zero_floordiv.int(int a, int b) -> int  := helpers.truncated_division({0}, {1})

# x ** y; `pow.int` is what PyTorch makes of int ** int, and is a float
aten::pow.int(int a, int b) -> float  := float({0} ** {1})
aten::pow.complex(complex a, complex b) -> complex  := {0} ** {1}
aten::pow.float(float a, float b) -> float  := {0} ** {1}
aten::pow.int_float(int a, float b) -> float  := {0} ** {1}
aten::pow.float_int(float a, int b) -> float  := {0} ** {1}
aten::pow.float_complex(float a, complex b) -> complex  := {0} ** {1}
aten::pow.complex_float(complex a, float b) -> complex  := {0} ** {1}
aten::pow.Scalar_Scalar(Scalar a, Scalar b) -> float  := {0} ** {1}
aten::pow.int_to_int(int a, int b) -> int  := helpers.int_power({0}, {1})

# -x, abs(x), round(x); `round` gives a float here, and an int in Python
aten::neg.int(int a) -> int  := -{0}
aten::neg.float(float a) -> float  := -{0}
aten::neg.complex(complex a) -> complex  := -{0}
aten::neg.Scalar(Scalar a) -> Scalar  := -{0}
prim::abs.int(int a) -> int  := abs({0})
prim::abs.float(float a) -> float  := abs({0})
prim::abs.complex(complex a) -> float  := abs({0})
prim::abs.Scalar(Scalar a) -> Scalar  := abs({0})
prim::abs(Tensor x) -> Tensor  := abs({0})
aten::round.int(int a) -> float  := float(round({0}))
aten::round.float(float a) -> float  := float(round({0}))
aten::round.Scalar(Scalar a) -> Scalar  := round({0})

# x == y, …
aten::eq.bool(bool a, bool b) -> bool  := {0} == {1}
aten::eq.int(int a, int b) -> bool  := {0} == {1}
aten::eq.complex(complex a, complex b) -> bool  := {0} == {1}
aten::eq.float(float a, float b) -> bool  := {0} == {1}
aten::eq.int_float(int a, float b) -> bool  := {0} == {1}
aten::eq.float_int(float a, int b) -> bool  := {0} == {1}
aten::eq.float_complex(float a, complex b) -> bool  := {0} == {1}
aten::eq.complex_float(complex a, float b) -> bool  := {0} == {1}
aten::eq(Scalar a, Scalar b) -> bool  := {0} == {1}
aten::ne.bool(bool a, bool b) -> bool  := {0} != {1}
aten::ne.int(int a, int b) -> bool  := {0} != {1}
aten::ne.complex(complex a, complex b) -> bool  := {0} != {1}
aten::ne.float(float a, float b) -> bool  := {0} != {1}
aten::ne.int_float(int a, float b) -> bool  := {0} != {1}
aten::ne.float_int(float a, int b) -> bool  := {0} != {1}
aten::ne.float_complex(float a, complex b) -> bool  := {0} != {1}
aten::ne.complex_float(complex a, float b) -> bool  := {0} != {1}
aten::ne(Scalar a, Scalar b) -> bool  := {0} != {1}
aten::lt.int(int a, int b) -> bool  := {0} < {1}
aten::lt.float(float a, float b) -> bool  := {0} < {1}
aten::lt.int_float(int a, float b) -> bool  := {0} < {1}
aten::lt.float_int(float a, int b) -> bool  := {0} < {1}
aten::lt(Scalar a, Scalar b) -> bool  := {0} < {1}
aten::le.int(int a, int b) -> bool  := {0} <= {1}
aten::le.float(float a, float b) -> bool  := {0} <= {1}
aten::le.int_float(int a, float b) -> bool  := {0} <= {1}
aten::le.float_int(float a, int b) -> bool  := {0} <= {1}
aten::le(Scalar a, Scalar b) -> bool  := {0} <= {1}
aten::gt.int(int a, int b) -> bool  := {0} > {1}
aten::gt.float(float a, float b) -> bool  := {0} > {1}
aten::gt.int_float(int a, float b) -> bool  := {0} > {1}
aten::gt.float_int(float a, int b) -> bool  := {0} > {1}
aten::gt(Scalar a, Scalar b) -> bool  := {0} > {1}
aten::ge.int(int a, int b) -> bool  := {0} >= {1}
aten::ge.float(float a, float b) -> bool  := {0} >= {1}
aten::ge.int_float(int a, float b) -> bool  := {0} >= {1}
aten::ge.float_int(float a, int b) -> bool  := {0} >= {1}
aten::ge(Scalar a, Scalar b) -> bool  := {0} >= {1}

# x & y, …
aten::__and__.bool(bool a, bool b) -> bool  := {0} & {1}
aten::__and__.int(int a, int b) -> int  := {0} & {1}
aten::__or__.bool(bool a, bool b) -> bool  := {0} | {1}
aten::__or__.int(int a, int b) -> int  := {0} | {1}
aten::__xor__.bool(bool a, bool b) -> bool  := {0} ^ {1}
aten::__xor__.int(int a, int b) -> int  := {0} ^ {1}
aten::__lshift__.int(int a, int b) -> int  := {0} << {1}
aten::__rshift__.int(int a, int b) -> int  := {0} >> {1}

# not x
aten::__not__(bool self) -> bool  := not {0}

# min(x, y), max(x, y): the first, unless the second is less or greater. Calls of the builtins take three times as long.
prim::min.int(int a, int b) -> int  := {1} if {0} > {1} else {0}
prim::min.float(float a, float b) -> float  := {1} if {0} > {1} else {0}
prim::min.int_float(int a, float b) -> float  := {1} if {0} > {1} else {0}
prim::min.float_int(float a, int b) -> float  := {1} if {0} > {1} else {0}
prim::min(Scalar a, Scalar b) -> Scalar  := min({0}, {1})
prim::max.int(int a, int b) -> int  := {1} if {0} < {1} else {0}
prim::max.float(float a, float b) -> float  := {1} if {0} < {1} else {0}
prim::max.int_float(int a, float b) -> float  := {1} if {0} < {1} else {0}
prim::max.float_int(float a, int b) -> float  := {1} if {0} < {1} else {0}
prim::max(Scalar a, Scalar b) -> Scalar  := max({0}, {1})

# int(x), float(x), bool(x), complex(x, y)
aten::Int.bool(bool a) -> int  := int({0})
aten::Int.float(float a) -> int  := int({0})
aten::Int.Scalar(Scalar a) -> int  := int({0})
aten::Int.str(str a) -> int  := int({0})
aten::Float.Scalar(Scalar a) -> float  := float({0})
aten::Float.int(int a) -> float  := float({0})
aten::Float.bool(bool a) -> float  := float({0})
aten::Float.str(str a) -> float  := float({0})
aten::Bool.int(int a) -> bool  := bool({0})
aten::Bool.float(float a) -> bool  := bool({0})
aten::Complex.Scalar(Scalar a) -> complex  := complex({0})
aten::Complex.int_bool(int x, bool y) -> complex  := complex({0}, {1})
aten::Complex.bool_int(bool x, int y) -> complex  := complex({0}, {1})
aten::Complex.float_bool(float x, bool y) -> complex  := complex({0}, {1})
aten::Complex.bool_float(bool x, float y) -> complex  := complex({0}, {1})
aten::Complex.float_int(float x, int y) -> complex  := complex({0}, {1})
aten::Complex.int_float(int x, float y) -> complex  := complex({0}, {1})
aten::Complex.int_int(int x, int y) -> complex  := complex({0}, {1})
aten::Complex.bool_bool(bool x, bool y) -> complex  := complex({0}, {1})
aten::Complex.float_float(float x, float y) -> complex  := complex({0}, {1})

# chr(x), bin(x), oct(x), hex(x)
aten::chr(int i) -> str  := chr({0})
aten::bin(int i) -> str  := bin({0})
aten::oct(int i) -> str  := oct({0})
aten::hex(int i) -> str  := hex({0})

# what `for i in range(lo, hi, step)` counts
aten::__range_length(int lo, int hi, int step) -> int  := len(range({0}, {1}, {2}))
aten::__derive_index(int index, int start, int step) -> int  := {1} + {0} * {2}

# x if condition else y, with both computed
prim::IfThenElse(bool cond, Any(a) x, Any(b) y) -> Any(b|a)  := {1} if {0} else {2}
""")
