"""Dicts: the methods of `dict`, for every type that a key can have."""

from __future__ import annotations

import re

from .builtin import table

# K is the type of the key.
_FOR_EVERY_KEY = """
# x[k], x[k] = v, del x[k], k in x, len(x)
aten::__getitem__.Dict_K(Dict(K, t) self, K key) -> t(*)  := {0}[{1}]
aten::_set_item.K(Dict(K, t)(a!) l, K(b -> *) idx, t(c -> *) v) -> ()  := {0}[{1}] = {2}
aten::Delete.Dict_K(Dict(K, t)(a!) self, K key) -> ()  := del {0}[{1}]
aten::__contains__.K(Dict(K, t) dict, K key) -> bool  := {1} in {0}
aten::len.Dict_K(Dict(K, t) self) -> int  := len({0})

# x.keys(), x.values(), x.items(): lists here, views in Python
aten::keys.K(Dict(K, t) self) -> K[](*)  := list({0}.keys())
aten::values.K(Dict(K, t) self) -> t[](*)  := list({0}.values())
aten::items.K(Dict(K, t) self) -> ((K, t)[])  := list({0}.items())

# x.get(k), x.get(k, v), x.setdefault(k, v)
aten::get.K(Dict(K, t) self, K key) -> t(*)?  := {0}.get({1})
aten::get.default_K(Dict(K, t) self, K key, t default_value) -> t(*)  := {0}.get({1}, {2})
aten::setdefault.K(Dict(K, t)(a!) self, K(b -> *) key, t(c -> *) default_value) -> t(*)
    := {0}.setdefault({1}, {2})

# x.pop(k), x.popitem(), x.clear(), x.update(y)
aten::pop.Dict_K(Dict(K, t)(a!) self, K key) -> t(*)  := {0}.pop({1})
aten::pop.Dict_default_K(Dict(K, t)(a!) self, K key, t default_value) -> t(*)  := {0}.pop({1}, {2})
aten::popitem.K(Dict(K, t)(a!) self) -> ((K, t))  := {0}.popitem()
aten::clear.K(Dict(K, t)(a!) self) -> ()  := {0}.clear()
aten::update.K(Dict(K, t)(a!) self, Dict(K, t)(a!) to_add) -> ()  := {0}.update({1})

# x.copy(), dict(x), dict([(k, v), …])
aten::copy.Dict_K(Dict(K, t)(a) self) -> Dict(K, t)  := {0}.copy()
aten::dict.K((K, tVal)[] inputs) -> Dict(K, tVal)  := dict({0})
aten::dict.Dict_K(Dict(K, t)(a) self) -> Dict(K, t)  := dict({0})
"""


def _for_key(key: str) -> str:
    # K stands alone, or behind an underscore in the name of an overload
    return re.sub(r"(?<![A-Za-z])K(?![A-Za-z])", key, _FOR_EVERY_KEY)


TABLE = table("aten::dict() -> Dict(str, Tensor)  := dict()") + tuple(
    builtin
    for key in ("str", "int", "bool", "float", "complex", "Tensor")
    for builtin in table(_for_key(key))
)
