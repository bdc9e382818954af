"""Strings: the methods of `str`."""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# x + y, x[i], x[i:j:k], len(x), list(x)
aten::add.str(str a, str b) -> str  := {0} + {1}
aten::__getitem__.str(str s, int index) -> str  := {0}[{1}]
prim::StringIndex(str string, int index) -> str  := {0}[{1}]
aten::slice.str(str string, int? start=None, int? end=None, int step=1) -> str  := {0}[{1}:{2}:{3}]
aten::len.str(str s) -> int  := len({0})
aten::list(str t) -> str[]  := list({0})

# x == y, …
aten::eq.str(str a, str b) -> bool  := {0} == {1}
aten::ne.str(str a, str b) -> bool  := {0} != {1}
aten::lt.str(str a, str b) -> bool  := {0} < {1}
aten::le.str(str a, str b) -> bool  := {0} <= {1}
aten::gt.str(str a, str b) -> bool  := {0} > {1}
aten::ge.str(str a, str b) -> bool  := {0} >= {1}

# ord(x), int(x), float(x)
aten::ord(str string) -> int  := ord({0})

# x.upper(), x.isdigit(), …
aten::lower(str self) -> str  := {0}.lower()
aten::upper(str self) -> str  := {0}.upper()
aten::swapcase(str self) -> str  := {0}.swapcase()
aten::capitalize(str self) -> str  := {0}.capitalize()
aten::title(str self) -> str  := {0}.title()
aten::isspace(str self) -> bool  := {0}.isspace()
aten::isalpha(str self) -> bool  := {0}.isalpha()
aten::isnumeric(str self) -> bool  := {0}.isnumeric()
aten::isprintable(str self) -> bool  := {0}.isprintable()
aten::islower(str self) -> bool  := {0}.islower()
aten::isupper(str self) -> bool  := {0}.isupper()
aten::istitle(str self) -> bool  := {0}.istitle()
aten::isalnum(str self) -> bool  := {0}.isalnum()
aten::isdigit(str self) -> bool  := {0}.isdigit()
aten::isdecimal(str self) -> bool  := {0}.isdecimal()
aten::isidentifier(str self) -> bool  := {0}.isidentifier()

# x.find(y, start, end), …: an `end` of -1 is the default, and the end of the string
aten::find(str self, str substr, int start=0, int end=-1) -> int
    := {0}.find({1}, {2}, helpers.string_end({3}))
aten::rfind(str self, str substr, int start=0, int end=-1) -> int
    := {0}.rfind({1}, {2}, helpers.string_end({3}))
aten::index.str(str self, str substr, int start=0, int end=-1) -> int
    := {0}.index({1}, {2}, helpers.string_end({3}))
aten::rindex(str self, str substr, int start=0, int end=-1) -> int
    := {0}.rindex({1}, {2}, helpers.string_end({3}))
aten::count(str self, str substr, int start=0, int end=-1) -> int
    := {0}.count({1}, {2}, helpers.string_end({3}))
aten::startswith(str self, str substr, int start=0, int end=-1) -> bool
    := {0}.startswith({1}, {2}, helpers.string_end({3}))
aten::endswith(str self, str substr, int start=0, int end=-1) -> bool
    := {0}.endswith({1}, {2}, helpers.string_end({3}))

# x.strip(chars): the default stands for white space
aten::strip(str self, str chars=" \n\t\f\v") -> str  := {0}.strip(helpers.stripped_characters({1}))
aten::lstrip(str self, str chars=" \n\t\f\v") -> str  := {0}.lstrip(helpers.stripped_characters({1}))
aten::rstrip(str self, str chars=" \n\t\f\v") -> str  := {0}.rstrip(helpers.stripped_characters({1}))

# x.split(separator, max), x.join(y), x.partition(y), …
aten::split.str(str self, str? separator=None, int max=-1) -> str[]  := {0}.split({1}, {2})
aten::rsplit(str self, str separator=" ", int max=-1) -> str[]  := {0}.rsplit({1}, {2})
aten::splitlines(str self, bool keepends=False) -> str[]  := {0}.splitlines({1})
aten::partition(str self, str separator) -> (str, str, str)  := {0}.partition({1})
aten::rpartition(str self, str separator) -> (str, str, str)  := {0}.rpartition({1})
aten::join(str self, str[] values) -> str  := {0}.join({1})

# x.replace(old, new, max)
aten::replace(str self, str old, str new, int max=-1) -> str  := {0}.replace({1}, {2}, {3})
aten::expandtabs(str self, int tabsize=8) -> str  := {0}.expandtabs({1})

# x.center(width), …
aten::center(str self, int width, str fillchar=" ") -> str  := {0}.center({1}, {2})
aten::ljust(str self, int width, str fillchar=" ") -> str  := {0}.ljust({1}, {2})
aten::rjust(str self, int width, str fillchar=" ") -> str  := {0}.rjust({1}, {2})
aten::zfill(str self, int width) -> str  := {0}.zfill({1})

# "…".format(x), "…" % x, str(x)
aten::format(str self, ...) -> str  := {0}.format({*})
aten::percentFormat(str self, ...) -> str  := {0} % ({*},)
aten::str(t elem) -> str  := str({0})
""")
