"""Lists: the methods of `list`, indexing, comparison, and the functions of Python that take lists.

A size of a tensor is a list of ints here and a `torch.Size`, which is a tuple, in Python: operators that make
a new list, or compare, take either.
"""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# x + y, x * n, x += y, x *= n
aten::add.t(t[] a, t[] b) -> t[]  := [*{0}, *{1}]
aten::mul.left_t(t[] l, int n) -> t[]  := list({0}) * {1}
aten::mul.right_(int n, t[] l) -> t[]  := {0} * list({1})
aten::add_.t(t[](a!) self, t[] b) -> t[]  := {0}.__iadd__({1})
aten::mul_.t(t[](a!) l, int n) -> t[](a!)  := {0}.__imul__({1})

# x[i], x[i:j:k], x[i] = y, del x[i]
aten::__getitem__.t(t[](a) list, int idx) -> t(*)  := {0}[{1}]
aten::select.t(t[](a) list, int idx) -> t(*)  := {0}[{1}]
aten::slice.t(t[] l, int? start=None, int? end=None, int step=1) -> t[]  := {0}[{1}:{2}:{3}]
aten::_set_item.t(t[](a!) l, int idx, t(b -> *) el) -> t[](a!)  := {0}[{1}] = {2}
aten::Delete.t(t[](a!) self, int idx) -> ()  := del {0}[{1}]

# x.append(y), …
aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)  := {0}.append({1})
aten::extend.t(t[](a!) self, t[] other) -> ()  := {0}.extend({1})
aten::insert.t(t[](a!) self, int idx, t(b -> *) el) -> ()  := {0}.insert({1}, {2})
aten::pop.t(t[](a!) self, int idx=-1) -> t(*)  := {0}.pop({1})
aten::remove.int(int[](a!) self, int el) -> ()  := {0}.remove({1})
aten::remove.float(float[](a!) self, float el) -> ()  := {0}.remove({1})
aten::remove.bool(bool[](a!) self, bool el) -> ()  := {0}.remove({1})
aten::remove.Tensor(Tensor[](a!) self, Tensor el) -> ()  := {0}.remove({1})
aten::remove.str(str[](a!) self, str el) -> ()  := {0}.remove({1})
aten::clear.t(t[](a!) self) -> ()  := {0}.clear()
aten::reverse.t(t[](a!) self) -> ()  := {0}.reverse()
aten::sort.int(int[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})
aten::sort.float(float[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})
aten::sort.Tensor(Tensor[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})
aten::sort.bool(bool[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})
aten::sort.str(str[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})
aten::sort.any(t[](a!) self, bool reverse=False) -> ()  := {0}.sort(reverse={1})

# x.copy(), x.count(y), x.index(y), y in x
aten::copy.t(t[](a) self) -> t[]  := list({0})
aten::count.int(int[] self, int el) -> int  := {0}.count({1})
aten::count.float(float[] self, float el) -> int  := {0}.count({1})
aten::count.bool(bool[] self, bool el) -> int  := {0}.count({1})
aten::count.Tensor(Tensor[] self, Tensor el) -> int  := {0}.count({1})
aten::count.str(str[] self, str el) -> int  := {0}.count({1})
aten::index.list_int(int[] self, int el) -> int  := {0}.index({1})
aten::index.list_float(float[] self, float el) -> int  := {0}.index({1})
aten::index.list_bool(bool[] self, bool el) -> int  := {0}.index({1})
aten::index.list_Tensor(Tensor[] self, Tensor el) -> int  := {0}.index({1})
aten::index.list_str(str[] self, str el) -> int  := {0}.index({1})
aten::__contains__.int_list(int[] l, int item) -> bool  := {1} in {0}
aten::__contains__.str_list(str[] l, str item) -> bool  := {1} in {0}
aten::__contains__.float_list(float[] l, float item) -> bool  := {1} in {0}

# x == y, x != y
aten::eq.int_list(int[] a, int[] b) -> bool  := [*{0}] == [*{1}]
aten::eq.float_list(float[] a, float[] b) -> bool  := [*{0}] == [*{1}]
aten::eq.Tensor_list(Tensor[] a, Tensor[] b) -> bool  := [*{0}] == [*{1}]
aten::eq.bool_list(bool[] a, bool[] b) -> bool  := [*{0}] == [*{1}]
aten::eq.str_list(str[] a, str[] b) -> bool  := [*{0}] == [*{1}]
aten::ne.int_list(int[] a, int[] b) -> bool  := [*{0}] != [*{1}]
aten::ne.float_list(float[] a, float[] b) -> bool  := [*{0}] != [*{1}]
aten::ne.Tensor_list(Tensor[] a, Tensor[] b) -> bool  := [*{0}] != [*{1}]
aten::ne.bool_list(bool[] a, bool[] b) -> bool  := [*{0}] != [*{1}]
aten::ne.str_list(str[] a, str[] b) -> bool  := [*{0}] != [*{1}]

# len(x), list(x), sorted(x), sum(x), any(x), all(x), min(x), max(x)
aten::len.t(t[] a) -> int  := len({0})
aten::len.any(Any[] a) -> int  := len({0})
aten::list.t(t[] l) -> t[]  := list({0})
aten::sorted.int(int[](a) input) -> int[]  := sorted({0})
aten::sorted.float(float[](a) input) -> float[]  := sorted({0})
aten::sorted.Tensor(Tensor[](a) input) -> Tensor[]  := sorted({0})
aten::sorted.bool(bool[](a) input) -> bool[]  := sorted({0})
aten::sorted.str(str[](a) input) -> str[]  := sorted({0})
aten::sorted.any(t[](a) self) -> t[]  := sorted({0})
aten::sum.int(int[] self) -> int  := sum({0})
aten::sum.float(float[] self) -> float  := sum({0})
aten::sum.complex(complex[] self) -> complex  := sum({0})
aten::sum.bool(bool[] self) -> int  := sum({0})
aten::any.str(str[] self) -> bool  := any({0})
aten::any.int(int[] self) -> bool  := any({0})
aten::any.float(float[] self) -> bool  := any({0})
aten::any.bool(bool[] self) -> bool  := any({0})
aten::all.int(int[] self) -> bool  := all({0})
aten::all.float(float[] self) -> bool  := all({0})
aten::all.bool(bool[] self) -> bool  := all({0})
prim::min.int_list(int[] l, int[] r) -> int[]  := min({0}, {1})
prim::min.self_int(int[] self) -> int  := min({0})
prim::min.float_list(float[] l, float[] r) -> float[]  := min({0}, {1})
prim::min.self_float(float[] self) -> float  := min({0})
prim::min.bool_list(bool[] l, bool[] r) -> bool[]  := min({0}, {1})
prim::min.self_bool(bool[] self) -> bool  := min({0})
prim::max.int_list(int[] l, int[] r) -> int[]  := max({0}, {1})
prim::max.self_int(int[] self) -> int  := max({0})
prim::max.float_list(float[] l, float[] r) -> float[]  := max({0}, {1})
prim::max.self_float(float[] self) -> float  := max({0})
prim::max.bool_list(bool[] l, bool[] r) -> bool[]  := max({0}, {1})
prim::max.self_bool(bool[] self) -> bool  := max({0})

# list(range(n))
prim::rangelist(int n) -> int[]  := list(range({0}))
""")
