"""Attributes and subscripts: reading them, assigning to them, changing them in place."""

from __future__ import annotations

import ast
import types as python_types
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Function
from ..operators.resolve import tensor_method
from . import autograd_functions, presence, tensor_indexing, transient
from .emitter import Emitter, Scope
from .values import (
    Attribute,
    BuiltinMethod,
    Dynamic,
    Mapping,
    Method,
    Module,
    Partial,
    Sequence,
    Special,
    Static,
    Unusable,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)

# -- attributes ----------------------------------------------------------------------------------------------

TENSOR_ATTRIBUTES = {
    "device": "prim::device", "dtype": "prim::dtype", "layout": "prim::layout", "shape": "aten::size",
    "ndim": "aten::dim", "is_cuda": "prim::is_cuda", "is_cpu": "prim::is_cpu", "is_sparse": "prim::is_sparse",
    "is_mkldnn": "prim::is_mkldnn", "is_quantized": "prim::is_quantized", "requires_grad": "prim::requires_grad",
    "data": "prim::data", "grad": "prim::grad", "is_leaf": "aten::is_leaf", "T": "aten::numpy_T", "mT": "aten::mT",
    "H": "aten::matrix_H", "mH": "aten::mH", "real": "aten::real", "imag": "aten::imag", "itemsize": "prim::itemsize",
    "nbytes": "prim::nbytes", "is_nested": "prim::is_nested", "is_meta": "prim::is_meta", "is_mps": "prim::is_mps",
    "is_xpu": "prim::is_xpu", "output_nr": "aten::output_nr", "_version": "aten::_version", "name": "prim::name",
    "is_sparse_csr": "prim::is_sparse_csr", "is_xla": "prim::is_xla", "is_ipu": "prim::is_ipu",
}  # fmt: skip


def attribute_of(e: Emitter, owner: Val, name: str, node: ast.AST | None) -> Val:
    """`owner.name`."""
    if isinstance(owner, Module):
        return module_attribute(e, owner, name, node)
    if isinstance(owner, Super):
        return super_attribute(e, owner, name, node)
    if isinstance(owner, autograd_functions.Context):
        return autograd_functions.read(e, owner, name, node)
    type = type_of(owner)
    if isinstance(owner, Unusable):
        raise e.error(owner.reason, node)
    if isinstance(owner, Sequence):
        if name in owner.field_names:
            return owner.items[owner.field_names.index(name)]
        return BuiltinMethod(owner, name)
    if isinstance(owner, Static) and type is None:
        return _object_attribute(e, owner, name, node)
    if isinstance(owner, Attribute) and type is None and owner.known is not None:
        e.depend(owner)
        return _object_attribute(e, Static(owner.known.object, None, owner.known.dependencies), name, node)
    if isinstance(owner, Mapping):
        return BuiltinMethod(owner, name)
    if isinstance(type, T.TensorType):
        if name in TENSOR_ATTRIBUTES:
            return _tensor_attribute(e, owner, name)
        if name == "volatile":  # of PyTorch before 0.4; False since
            return e.static(False)
        if isinstance(getattr(torch.Tensor, name, None), property | python_types.GetSetDescriptorType):
            raise e.unsupported(f"The attribute '{name}' of a Tensor cannot be read in compiled code.", node)
        return BuiltinMethod(owner, name)
    if isinstance(type, T.NamedTupleType):
        if name in type.field_names:
            index = type.field_names.index(name)
            value = e.materialize(owner)
            position = e.constant(index, T.INT)
            return Dynamic(e.emit("prim::TupleIndex", [value, position], [type.elements[index]]).output)
        raise e.error(
            f"'{type.annotation()}' has no field '{name}'; it has {', '.join(type.field_names)}.", node
        )
    if isinstance(type, T.ClassType):
        return _class_attribute(e, owner, type, name, node)
    if isinstance(type, T.EnumType) and name in ("name", "value"):
        known = known_of(owner)
        if known is not None:
            return e.static(getattr(e.depend(owner), name))
        kind = "prim::EnumName" if name == "name" else "prim::EnumValue"
        return Dynamic(
            e.emit(kind, [e.materialize(owner)], [T.STRING if name == "name" else type.value_type]).output
        )
    if isinstance(type, T.DeviceType):
        if name == "type":
            return Dynamic(e.call("prim::type", [owner]))
        if name == "index":
            return Dynamic(e.call("prim::index", [owner]))
    known = known_of(owner)
    if known is not None and is_scalar_constant(known.object) and not isinstance(known.object, str):
        found = getattr(known.object, name, None)
        if is_scalar_constant(found) and found is not None:
            return e.static(found, known.dependencies)
    if isinstance(type, T.ComplexType) and name in ("real", "imag"):
        return Dynamic(e.call(f"aten::{name}", [owner]))
    if isinstance(type, T.OptionalType):
        sure = presence.present(e, owner)
        if sure is not None:
            return attribute_of(e, sure, name, node)
        raise e.error(
            f"'.{name}' cannot be read from a value that may be None ({type.annotation()}).",
            node,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(type, T.InterfaceType) and name in type.methods:
        return BuiltinMethod(owner, name)
    return BuiltinMethod(owner, name)


def _tensor_attribute(e: Emitter, owner: Val, name: str) -> Val:
    out = e.call(TENSOR_ATTRIBUTES[name], [owner])
    if name == "dtype":
        out.type = T.DTYPE
    elif name == "layout":
        out.type = T.LAYOUT
    return Dynamic(out)


def _object_attribute(e: Emitter, owner: Static, name: str, node: ast.AST | None) -> Val:
    """An attribute of a Python object that is known: a package, a class, a config object."""
    obj = owner.object
    try:
        found = getattr(obj, name)
    except Exception:
        kind = f"module '{obj.__name__}'" if isinstance(obj, python_types.ModuleType) else owner.describe()
        raise e.error(
            f"The {kind} has no attribute '{name}'.".replace("The the", "The").replace("The a ", "A "), node
        ) from None
    if isinstance(obj, dict | list | tuple | str) and callable(found):
        return BuiltinMethod(owner, name)
    return e.static(found, owner.known.dependencies)


def _class_attribute(e: Emitter, owner: Val, type: T.ClassType, name: str, node: ast.AST | None) -> Val:
    """An attribute, property or method of an instance of a script class."""
    attribute = type.attributes.get(name)
    if attribute is not None:
        return Dynamic(
            e.emit("prim::GetAttr", [e.materialize(owner)], [attribute.type], {"name": name}).output
        )
    cls = type.python_class
    found = getattr(cls, name, None) if cls is not None else None
    if isinstance(found, property):
        from . import calls

        return calls.call_class_method(e, owner, name, [], {})
    if found is not None and not callable(found):
        return e.static(found)
    if e.program.class_method(type, name) is not None:
        return BuiltinMethod(owner, name)
    raise e.error(f"'{type.qualified_name.removeprefix('__torch__.')}' has no attribute '{name}'.", node)


def module_attribute(e: Emitter, owner: Module, name: str, node: ast.AST | None) -> Val:
    """An attribute of a module: parameter, buffer, submodule, method, property, data."""
    module, spec = owner.module, owner.spec
    if transient.is_transient(owner):
        found = transient.find(e, owner)
        if found is not None:
            return module_attribute(e, found, name, node)
    if name in ("_modules", "_parameters", "_buffers"):
        return Mapping({k: module_attribute(e, owner, k, node) for k in getattr(module, name)})
    if name in module._modules:
        sub = module._modules[name]
        if sub is None:
            return e.static(None)
        return e.program.submodule(e, owner, name)
    if transient.is_transient(owner):
        constant = transient.constant_attribute(e, owner, name)
        if constant is not None:
            return constant
    if name == "training":
        return _read(e, owner, name, T.BOOL)
    declared = spec.cls.attributes.get(name)
    if name in module._parameters or name in module._buffers:
        assert declared is not None
        if isinstance(declared.type, T.NoneType):
            return e.static(None)
        return _read(e, owner, name, declared.type)
    if name in module.__dict__:
        obj = module.__dict__[name]
        if name in spec.assigned and declared is not None:
            return _read(e, owner, name, declared.type)
        known = spec.known_attribute(owner, name)
        if declared is None or isinstance(declared.type, T.NoneType):
            if isinstance(obj, torch.nn.Module):
                return Module(obj, e.program.spec_of(obj), None, ())
            if isinstance(obj, python_types.MethodType) and obj.__self__ is module:
                return Method(owner, name, obj.__func__)
            return Static(known.object, e.program.type_of_object(known.object), known.dependencies)
        if declared.final and is_scalar_constant(known.object):
            return Static(known.object, e.program.type_of_object(known.object), known.dependencies)
        return Attribute(owner, name, known.object, declared.type, known)
    return _class_level(e, owner, name, node)


def _read(e: Emitter, owner: Module, name: str, type: T.Type) -> Val:
    value = e.module_value(owner)
    return Dynamic(e.emit("prim::GetAttr", [value], [type], {"name": name}).output)


def _class_level(e: Emitter, owner: Module, name: str, node: ast.AST | None) -> Val:
    """What a module's class defines: a method, property, class attribute."""
    module = owner.module
    cls = type(module)
    try:
        found = getattr_static(cls, name)
    except AttributeError:
        try:
            dynamic = getattr(module, name)
        except Exception:
            raise e.error(f"The module '{cls.__qualname__}' has no attribute '{name}'.", node) from None
        return (
            Static(dynamic, e.program.type_of_object(dynamic))
            if not isinstance(dynamic, torch.nn.Module)
            else (Module(dynamic, e.program.spec_of(dynamic), None, ()))
        )
    if isinstance(found, property):
        from . import calls

        if found.fget is None:
            raise e.error(f"The property '{name}' has no getter.", node)
        return calls.call_method(e, Method(owner, name, found.fget), [], {})
    if isinstance(getattr(found, "function", None), Function):  # a method that was compiled before
        return Method(owner, name, found)
    if isinstance(found, staticmethod):
        return e.static(found.__func__)
    if isinstance(found, classmethod):
        return Partial(e.static(found.__func__), [e.static(cls)], {})
    if callable(found) and not isinstance(found, type) and hasattr(found, "__get__"):
        if name in _MODULE_METHODS:
            return Special(
                name, lambda e, node, positional, named: _MODULE_METHODS[name](e, owner, positional, named)
            )
        return Method(owner, name, found)
    bound = getattr(module, name)
    return e.static(bound)


def getattr_static(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    raise AttributeError(name)


def _children(e: Emitter, owner: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    return Sequence(
        [e.program.submodule(e, owner, n) for n, m in owner.module._modules.items() if m is not None],
        is_list=True,
    )


def _named_children(e: Emitter, owner: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    pairs: list[Val] = [
        Sequence([e.static(n), e.program.submodule(e, owner, n)])
        for n, m in owner.module._modules.items()
        if m is not None
    ]
    return Sequence(pairs, is_list=True)


def _parameters(e: Emitter, owner: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    found: list[Val] = []
    for path, _ in owner.module.named_parameters():
        val: Val = owner
        for part in path.split("."):
            val = attribute_of(e, val, part, None)
        found.append(val)
    return Sequence(found, is_list=True)


def _dict_values(e: Emitter, owner: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    return _children(e, owner, positional, named)


def _dict_keys(e: Emitter, owner: Module, positional: list[Val], named: dict[str, Val]) -> Val:
    return Sequence([e.static(n) for n in owner.module._modules], is_list=True)


_MODULE_METHODS: dict[str, Any] = {
    "children": _children,
    "named_children": _named_children,
    "parameters": _parameters,
    "values": _dict_values,
    "items": _named_children,
    "keys": _dict_keys,
}


class Super(Val):
    """`super()`: attributes are looked up behind `cls` in the order of the module's classes."""

    __slots__ = ("cls", "owner")

    def __init__(self, owner: Val, cls: type) -> None:
        self.owner = owner
        self.cls = cls

    def describe(self) -> str:
        return "super()"


def super_attribute(e: Emitter, owner: Super, name: str, node: ast.AST | None) -> Val:
    if not isinstance(owner.owner, Module):
        raise e.unsupported("super() can only be used in methods of modules.", node)
    order = type(owner.owner.module).__mro__
    for base in order[order.index(owner.cls) + 1 :]:
        if name in base.__dict__:
            found = base.__dict__[name]
            if callable(found):
                return Method(owner.owner, name, found)
            return e.static(found)
    raise e.error(f"No base class has '{name}'.", node)


def attribute_type(e: Emitter, target: ast.Attribute) -> T.Type | None:
    """The declared type of an attribute that is assigned, or None."""
    if not isinstance(target.value, ast.Name):
        return None
    owner = e.scope.get(target.value.id)
    owner_type = (
        owner.spec.cls if isinstance(owner, Module) else type_of(owner) if owner is not None else None
    )
    if isinstance(owner_type, T.ClassType):
        attribute = owner_type.attributes.get(target.attr)
        return attribute.type if attribute is not None else None
    return None


def assign_attribute(e: Emitter, target: ast.Attribute, value: Val) -> None:
    """`owner.name = value`."""
    from . import expressions

    owner = expressions.emit(e, target.value)
    name = target.attr
    if isinstance(owner, Module):
        cls: T.ClassType = owner.spec.cls
        attribute = cls.attributes.get(name)
        if attribute is None:
            if name in owner.module._modules or isinstance(value, Module):
                raise e.error(f"The submodule '{name}' cannot be replaced in compiled code.", target)
            attribute = e.program.new_attribute(e, owner, name, value, target)
        place = e.module_value(owner)
    elif isinstance(owner, autograd_functions.Context):
        autograd_functions.write(e, owner, name, value)
        return
    else:
        owner_type = type_of(owner)
        if isinstance(owner_type, T.TensorType) and name in ("data", "grad", "requires_grad"):
            _assign_tensor_attribute(e, owner, name, value)
            return
        if not isinstance(owner_type, T.ClassType):
            raise e.error(f"{owner.describe().capitalize()} has no attributes that can be assigned.", target)
        cls = owner_type
        place = e.materialize(owner)
        attribute = cls.attributes.get(name)
        if attribute is None:
            if e.initializing is not cls:
                raise e.error(
                    f"'{cls.qualified_name}' has no attribute '{name}'; __init__ has to assign it.", target
                )
            attribute = T.ClassAttribute(e.materialize(value).type)
            cls.attributes[name] = attribute
    found = e.coerce(value, attribute.type, target, f"the attribute '{name}'")
    e.emit("prim::SetAttr", [place, found], [], {"name": name})
    path = ast.unparse(target)
    if found.type != attribute.type and not isinstance(attribute.type, T.TensorType):
        e.scope.set(path, Dynamic(found))
    else:
        e.scope.set(path, Unusable("", None))


def _assign_tensor_attribute(e: Emitter, owner: Val, name: str, value: Val) -> None:
    if name == "data":
        e.call_operator("aten::set_data", [owner, value], {}, ".data")
    elif name == "requires_grad":
        e.call_operator("aten::requires_grad_", [owner, value], {}, ".requires_grad")
    else:
        raise e.unsupported("'.grad' cannot be assigned in compiled code.")


# -- subscripts ----------------------------------------------------------------------------------------------


def subscript(e: Emitter, owner: Val, index: ast.expr, node: ast.AST) -> Val:
    """`owner[index]`."""
    from . import expressions, loops

    e.node = node
    if isinstance(owner, Unusable):
        raise e.error(owner.reason, node)
    sure = presence.present(e, owner)
    owner = owner if sure is None else sure
    type = type_of(owner)
    if isinstance(type, T.TensorType):
        return Dynamic(tensor_indexing.read(e, e.materialize(owner), index))
    if isinstance(type, T.OptionalType):
        raise e.error(
            f"A value that may be None ({type.annotation()}) cannot be subscripted.",
            node,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(owner, Static) and type is None and isinstance(owner.object, type_types):
        key = expressions.emit(e, index)  # List[int] and the like
        known = known_of(key)
        if known is not None:
            generic: Any = owner.object
            return e.static(generic[known.object])
    if isinstance(index, ast.Slice):
        return _slice(e, owner, index, node)
    key = expressions.emit(e, index)
    e.node = node
    known = known_of(key)
    if isinstance(owner, Mapping):
        if known is None:
            raise e.needs_unrolling(
                "The key must be known while compiling, since the values are not data.", node
            )
        try:
            return owner.items[e.depend(key)]
        except KeyError:
            raise e.error(
                f"There is no key {known.object!r}; there are {', '.join(map(repr, owner.items))}.", node
            ) from None
    if isinstance(owner, Module):
        return _module_item(e, owner, key, node)
    items = owner.items if isinstance(owner, Sequence) else None
    if items is None and known is not None and (isinstance(type, T.TupleType) or type is None):
        items = loops.static_items(e, owner) if not isinstance(known_obj(owner), dict) else None
        if items is None and isinstance(known_obj(owner), dict):
            e.depend(owner)
            return e.static(known_obj(owner)[e.depend(key)])
    if items is not None:
        if known is None or not isinstance(known.object, int):
            return _dynamic_item(e, owner, items, key, node)
        e.depend(key)
        try:
            return items[known.object]
        except IndexError:
            raise e.error(
                f"The index {known.object} is out of range: there are {len(items)} values.", node
            ) from None
    if isinstance(type, T.TupleType):
        return _dynamic_item(e, owner, loops.static_items(e, owner) or [], key, node)
    if isinstance(type, T.ClassType):
        from . import calls

        return calls.call_class_method(e, owner, "__getitem__", [key], {})
    if type is None:
        raise e.needs_unrolling(
            f"{owner.describe().capitalize()} can only be subscripted by what is known while compiling.", node
        )
    if isinstance(type_of(key), T.TensorType) and isinstance(type, T.ListType | T.StringType):
        key = Dynamic(e.call("aten::IntImplicit", [key]))
    result = e.call_operator("aten::__getitem__", [owner, key], {}, "[]")
    folded = expressions.fold(e, lambda o, k: o[k], owner, key) if known is not None else None
    if folded is not None and isinstance(result, Dynamic):
        return Dynamic(result.value, folded)
    return result


type_types = (type(list[int]), type)


def known_obj(val: Val) -> Any:
    known = known_of(val)
    return known.object if known is not None else None


def _dynamic_item(e: Emitter, owner: Val, items: list[Val], key: Val, node: ast.AST) -> Val:
    """An element of a tuple by an index that is known only at run time: its elements must be of one type."""
    types = {type_of(i) for i in items}
    if len(types) == 1 and None not in types and not any(isinstance(i, Module) for i in items):
        listed = e.build_list(items, node)
        return e.call_operator("aten::__getitem__", [Dynamic(listed), key], {}, "[]")
    raise e.needs_unrolling(
        "The index must be known while compiling, since the elements have different types.", node
    )


def _module_item(e: Emitter, owner: Module, key: Val, node: ast.AST) -> Val:
    """`self.layers[i]`."""
    from . import calls

    module = owner.module
    known = known_of(key)
    container = isinstance(module, torch.nn.ModuleList | torch.nn.Sequential | torch.nn.ModuleDict)
    if not container and isinstance(module, torch.nn.ParameterList | torch.nn.ParameterDict):
        if known is None:
            if isinstance(module, torch.nn.ParameterList):
                return _dynamic_item(
                    e, owner, [attribute_of(e, owner, str(i), node) for i in range(len(module))], key, node
                )
            raise e.needs_unrolling("The index must be known while compiling.", node)
        name = e.depend(key)
        if isinstance(module, torch.nn.ParameterList):
            name = str(range(len(module))[name])
        return attribute_of(e, owner, name, node)
    if not container:
        found = getattr(type(module), "__getitem__", None)
        if found is None:
            raise e.error(f"The module '{type(module).__qualname__}' cannot be subscripted.", node)
        return calls.call_method(e, Method(owner, "__getitem__", found), [key], {})
    if known is None:
        raise e.needs_unrolling("The index into a container of modules must be known while compiling.", node)
    index = e.depend(key)
    if isinstance(module, torch.nn.ModuleDict):
        if index not in module:
            raise e.error(f"There is no module {index!r}; there are {', '.join(map(repr, module))}.", node)
        return e.program.submodule(e, owner, index)
    names = list(module._modules)
    try:
        name = names[index]
    except (IndexError, TypeError):
        raise e.error(f"The index {index!r} is out of range: there are {len(names)} modules.", node) from None
    return e.program.submodule(e, owner, name)


def _slice(e: Emitter, owner: Val, node: ast.Slice, where: ast.AST) -> Val:
    """`owner[a:b:c]` of a tuple, list, string or container of modules."""
    from . import loops

    bounds = [tensor_indexing.bound(e, n) for n in (node.lower, node.upper, node.step)]
    known = [known_of(b) for b in bounds]
    type = type_of(owner)
    fixed = isinstance(owner, Sequence | Module) or isinstance(type, T.TupleType) or type is None
    if fixed:
        items = loops.static_items(e, owner)
        if items is None:
            raise e.error(f"{owner.describe().capitalize()} cannot be sliced.", where)
        if any(k is None for k in known):
            if (
                isinstance(owner, Sequence)
                and len({type_of(i) for i in items}) == 1
                and type_of(items[0]) is not None
            ):
                return _slice_list(e, Dynamic(e.build_list(items, where)), bounds)
            raise e.needs_unrolling("The bounds of this slice must be known while compiling.", where)
        low, high, step = (e.depend(b) for b in bounds)
        return Sequence(
            items[low:high:step],
            is_list=isinstance(owner, Module) or (isinstance(owner, Sequence) and owner.is_list),
        )
    return _slice_list(e, owner, bounds)


def _slice_list(e: Emitter, owner: Val, bounds: list[Val]) -> Val:
    step = bounds[2]
    if isinstance(step, Static) and step.object is None:
        step = e.static(1)
    known = known_of(step)
    if (
        known is not None
        and isinstance(known.object, int)
        and known.object < 0
        and isinstance(type_of(owner), T.ListType)
    ):
        return _negative_slice(e, owner, bounds[0], bounds[1], known.object)
    return e.call_operator("aten::slice", [owner, bounds[0], bounds[1], step], {}, "[:]")


def _negative_slice(e: Emitter, owner: Val, low: Val, high: Val, step: int) -> Val:
    return e.call_operator("aten::slice", [owner, low, high, e.static(step)], {}, "[:]")


def assign_subscript(e: Emitter, target: ast.Subscript, value: Val) -> None:
    """`owner[index] = value`."""
    from . import expressions, loops

    owner = expressions.emit(e, target.value)
    e.node = target
    type = type_of(owner)
    if isinstance(type, T.TensorType):
        tensor_indexing.assign(e, e.materialize(owner), target.slice, value)
        return
    if isinstance(target.slice, ast.Slice):
        raise e.unsupported("A slice of a list cannot be assigned.", target, "Build the new list with '+'.")
    key = expressions.emit(e, target.slice)
    e.node = target
    if isinstance(type, T.ClassType):
        from . import calls

        calls.call_class_method(e, owner, "__setitem__", [key, value], {})
        return
    if isinstance(owner, Sequence) or isinstance(type, T.TupleType):
        raise e.error("A tuple cannot be changed.", target, "Use a list.")
    if isinstance(owner, Mapping):
        owner.items[e.depend(key)] = value
        return
    loops.set_item(e, e.materialize(owner), key, value)


def augmented_assign(e: Emitter, node: ast.AugAssign) -> None:
    """`target op= value`: in place for tensors and lists, a new value otherwise."""
    from . import expressions, statements

    op = type(node.op)
    load = ast.copy_location(_as_load(node.target), node.target)
    if isinstance(node.target, ast.Subscript):
        _augmented_subscript(e, node, op)
        return
    current = expressions.emit(e, load)
    value = expressions.emit(e, node.value)
    e.node = node
    result = in_place(e, op, current, value)
    if isinstance(node.target, ast.Attribute) and isinstance(type_of(current), T.TensorType | T.ListType):
        if isinstance(result, Dynamic) and isinstance(type_of(current), T.TensorType):
            return  # the tensor itself was changed
    statements.assign(e, node.target, result)


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    return target


def in_place(e: Emitter, op: type[ast.operator], current: Val, value: Val) -> Val:
    """`current op= value` and the value that the variable then has."""
    from . import expressions

    name = expressions.BINARY[op][0]
    symbol = expressions.BINARY[op][1]
    type = type_of(current)
    if isinstance(type, T.TensorType):
        if isinstance(value, Static | Attribute | Dynamic | Sequence) and type_of(value) is not None:
            in_place_name = {"aten::floordiv": "aten::floor_divide_",
                             "aten::__and__": "aten::__iand__", "aten::__or__": "aten::__ior__",
                             "aten::__xor__": "aten::__ixor__", "aten::__lshift__": "aten::__ilshift__",
                             "aten::__rshift__": "aten::__irshift__"}.get(name, name + "_")  # fmt: skip
            if op is ast.MatMult:
                return expressions.binary(e, op, current, value)
            return e.call_operator(in_place_name, [current, value], {}, f"{symbol}=")
    if isinstance(type, T.ListType) and op is ast.Add and not isinstance(current, Sequence):
        items = value
        if isinstance(value, Sequence):
            items = Dynamic(e.build_list(value.items, element=_settled_element(type)))
        e.call_operator("aten::extend", [current, items], {}, "+=")
        return current
    if isinstance(type, T.ClassType):
        from . import calls

        method = f"__i{expressions.METHODS[symbol]}__"
        if e.program.class_method(type, method) is not None:
            return calls.call_class_method(e, current, method, [value], {})
    return expressions.binary(e, op, current, value)


def _settled_element(type: T.ListType) -> T.Type | None:
    element = type.element
    return None if isinstance(element, T.PendingType) and element.resolved is None else element


def _augmented_subscript(e: Emitter, node: ast.AugAssign, op: type[ast.operator]) -> None:
    from . import expressions, loops

    target = node.target
    assert isinstance(target, ast.Subscript)
    owner = expressions.emit(e, target.value)
    if isinstance(type_of(owner), T.TensorType):
        view, indices = tensor_indexing.locate(e, e.materialize(owner), target.slice)
        value = expressions.emit(e, node.value)
        e.node = node
        if indices is None:
            in_place(e, op, Dynamic(view), value)
            return
        current = Dynamic(e.call("aten::index", [Dynamic(view), Dynamic(indices)]))
        result = in_place(e, op, current, value)
        e.call_operator("aten::index_put_", [Dynamic(view), Dynamic(indices), result], {}, "[]=")
        return
    if isinstance(target.slice, ast.Slice):
        raise e.unsupported("A slice of a list cannot be changed in place.", target)
    key = expressions.emit(e, target.slice)
    e.node = node
    if isinstance(type_of(owner), T.ClassType):
        from . import calls

        item = calls.call_class_method(e, owner, "__getitem__", [key], {})
        result = in_place(e, op, item, expressions.emit(e, node.value))
        calls.call_class_method(e, owner, "__setitem__", [key, result], {})
        return
    current_val = e.call_operator("aten::__getitem__", [owner, key], {}, "[]")
    result = in_place(e, op, current_val, expressions.emit(e, node.value))
    e.node = node
    loops.set_item(e, e.materialize(owner), key, result)


__all__ = [
    "Scope",
    "assign_attribute",
    "assign_subscript",
    "attribute_of",
    "augmented_assign",
    "subscript",
    "tensor_method",
]
