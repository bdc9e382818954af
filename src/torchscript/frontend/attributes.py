"""Attributes: read and assigned, of modules, classes, tensors and plain objects."""

from __future__ import annotations

import ast
import enum
import inspect
import types as python_types
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function
from ..schema.reasons import name_of
from . import (
    autograd_functions,
    chosen,
    function_calls,
    instances,
    limits,
    methods,
    module_methods,
    prelude,
    presence,
    transient,
)
from .emitter import Emitter
from .problems import suggestion
from .values import (
    Attribute,
    BuiltinMethod,
    Dynamic,
    Instance,
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
    if isinstance(owner, Instance):
        return instances.attribute(e, owner, name, node)
    if isinstance(owner, autograd_functions.Context):
        return autograd_functions.read(e, owner, name, node)
    if isinstance(owner, chosen.OneOf):
        return owner.method(e, name)
    if isinstance(owner, limits.Limits):
        return owner.attribute(e, name, node)
    type = type_of(owner)
    if isinstance(owner, Unusable):
        raise e.error(owner.reason, node)
    if isinstance(owner, Sequence):
        if name in owner.field_names:
            return owner.items[owner.field_names.index(name)]
        if owner.named is not None and hasattr(owner.named.python_class, name):
            return _python_attribute(e, owner, owner.named.python_class, name)
        if not hasattr(list if owner.is_list else tuple, name):
            fields = f"; it has {', '.join(owner.field_names)}" if owner.field_names else ""
            kind = f"'{name_of(owner.named)}'" if owner.named is not None else owner.subject()
            raise e.error(f"{kind} has no {'field' if fields else 'attribute'} '{name}'{fields}.", node)
        return BuiltinMethod(owner, name)
    if isinstance(owner, Static) and isinstance(owner.object, enum.Enum) and name in ("name", "value"):
        return e.static(getattr(owner.object, name), owner.known.dependencies)
    if isinstance(owner, Static) and type is None:
        return _object_attribute(e, owner, name, node)
    if isinstance(type, T.NoneType) and not hasattr(None, name):
        raise e.certain(AttributeError, f"'NoneType' object has no attribute '{name}'.", node)
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
        if name not in type.field_names and hasattr(type.python_class, name):
            return _python_attribute(e, owner, type.python_class, name)
        if name in type.field_names:
            index = type.field_names.index(name)
            value = e.materialize(owner)
            position = e.constant(index, T.INT)
            return Dynamic(e.emit("prim::TupleIndex", [value, position], [type.elements[index]]).output)
        raise e.error(f"'{name_of(type)}' has no field '{name}'; it has {', '.join(type.field_names)}.", node)
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
    if isinstance(type, T.IntType | T.FloatType | T.StringType) and name in ("name", "value"):
        from . import generated

        mixed = _enumeration_of(e, node)
        if mixed is not None and name == "value":
            return owner
        if mixed is not None:
            names = {member.value: member.name for member in mixed}
            return generated.in_place(e, f"def name(value):\n    return {names!r}[value]", {"value": owner})
    if isinstance(type, T.DtypeType) and name in prelude.DTYPE_ATTRIBUTES:
        return function_calls.call_function(e, prelude.DTYPE_ATTRIBUTES[name], [owner], {})
    if isinstance(type, T.EnumType) and hasattr(type.python_class, name):
        return _python_attribute(e, owner, type.python_class, name)
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
        return Dynamic(e.call("aten::Float", [Dynamic(e.call(f"aten::{name}", [owner]))]))
    if isinstance(type, T.OptionalType):
        sure = presence.present(e, owner)
        if sure is not None:
            return attribute_of(e, sure, name, node)
        raise e.error(
            f"'.{name}' cannot be read from a value that may be None ({type.annotation()}).",
            node,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(type, T.InterfaceType) and name not in type.methods:
        raise e.error(
            f"The interface '{name_of(type)}' has no method '{name}'.",
            node,
            *suggestion(name, type.methods),
            "Only the methods of an interface can be used of what stands behind it.",
        )
    return BuiltinMethod(owner, name)


def _enumeration_of(e: Emitter, node: ast.AST | None) -> type[enum.Enum] | None:
    """The enum that a parameter is annotated with whose members are numbers or strings, which is what they are here."""
    from . import expressions

    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    if isinstance(e.source.tree, ast.Lambda):
        return None
    arguments = e.source.tree.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg == node.value.id and argument.annotation is not None:
            try:
                found = known_of(expressions.emit(e, argument.annotation))
            except CompileError:
                return None
            cls = found.object if found is not None else None
            return cls if isinstance(cls, type) and issubclass(cls, enum.Enum) else None
    return None


def _python_attribute(e: Emitter, owner: Val, cls: Any, name: str) -> Val:
    """A method, property or class attribute that a NamedTuple or an Enum defines in Python."""
    found = inspect.getattr_static(cls, name)
    if isinstance(found, python_types.FunctionType) and found.__module__ == cls.__module__ and name[0] != "_":
        return Partial(Static(found, None), [owner], {})
    if isinstance(found, property) and found.fget is not None:
        return function_calls.call_function(e, found.fget, [owner], {})
    if isinstance(found, staticmethod | classmethod):
        return e.static(getattr(cls, name))
    return BuiltinMethod(owner, name) if callable(found) else e.static(found)


def _tensor_attribute(e: Emitter, owner: Val, name: str) -> Val:
    out = e.call(TENSOR_ATTRIBUTES[name], [owner])
    if name == "dtype":
        out.type = T.DTYPE
    elif name == "layout":
        out.type = T.LAYOUT
    return Dynamic(out)


def _members(obj: Any) -> tuple[str, ...]:
    """A note with the members of an enum."""
    if isinstance(obj, type) and issubclass(obj, enum.Enum):
        return (f"Its members are {', '.join(m.name for m in obj)}.",)
    return ()


def _object_attribute(e: Emitter, owner: Static, name: str, node: ast.AST | None) -> Val:
    """An attribute of a Python object that is known: a package, a class, a config object."""
    obj = owner.object
    try:
        found = getattr(obj, name)
    except Exception:
        kind = f"module '{obj.__name__}'" if isinstance(obj, python_types.ModuleType) else owner.describe()
        raise e.missing(
            AttributeError,
            f"The {kind} has no attribute '{name}'.".replace("The the", "The").replace("The a ", "A "),
            node,
            *(_members(obj) or suggestion(name, dir(obj))),
        ) from None
    if isinstance(obj, dict | list | tuple | str) and callable(found):
        return BuiltinMethod(owner, name)
    return e.static(found, owner.known.dependencies)


def _class_attribute(e: Emitter, owner: Val, type: T.ClassType, name: str, node: ast.AST | None) -> Val:
    """An attribute, property or method of an instance of a script class."""
    if name == "__class__":
        return Static(type.python_class, None)
    attribute = type.attributes.get(name)
    if attribute is None and e.initializing is not type:
        e.program.class_method(type, "__init__")  # which says what the attributes are
        attribute = type.attributes.get(name)
    if attribute is not None:
        return Dynamic(
            e.emit("prim::GetAttr", [e.materialize(owner)], [attribute.type], {"name": name}).output
        )
    cls = type.python_class
    found = getattr(cls, name, None) if cls is not None else None
    if isinstance(found, property):
        return methods.call_class_method(e, owner, name, [], {})
    if found is not None and not callable(found):
        return e.static(found)
    plain = inspect.getattr_static(cls, name, None) if cls is not None else None
    if isinstance(plain, staticmethod):
        return e.static(plain.__func__)
    if isinstance(plain, classmethod):
        return Partial(e.static(plain.__func__), [e.static(cls)], {})
    if methods.class_method(e, type, name) is not None:
        return BuiltinMethod(owner, name)
    raise e.error(
        f"'{name_of(type)}' has no attribute '{name}'.",
        node,
        *suggestion(name, (*type.attributes, *dir(cls))),
    )


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
        behind = spec.cls.attributes.get(name)
        if behind is not None and isinstance(behind.type, T.InterfaceType):
            return _read(e, owner, name, behind.type)
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
    if declared is None and name in spec.assigned and not hasattr(module, name):
        declared = e.program.created_attribute(owner, name)
    if (
        name in spec.created and declared is not None
    ):  # what another method made; it raises where it did not yet
        return Dynamic(e.call("aten::_unwrap_optional", [_read(e, owner, name, declared.type)]))
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
            raise e.certain(
                AttributeError,
                f"The module '{cls.__qualname__}' has no attribute '{name}'.",
                node,
                *suggestion(name, (k for k in dir(module) if not k.startswith("_"))),
            ) from None
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
        if name == "__getattr__" and found is torch.nn.Module.__getattr__:
            return Special(name, lambda e, node, positional, named: _by_name(e, owner, positional[0], node))
        if name in module_methods.PARAMETER_DICT and found is getattr(torch.nn.ParameterDict, name):
            listed = module_methods.PARAMETER_DICT[name]
            return Special(name, lambda e, node, positional, named: listed(e, owner, positional, named))
        own = module_methods.METHODS.get(name)
        if own is not None and found in _NN_METHODS[name]:
            return Special(name, lambda e, node, positional, named: own(e, owner, positional, named))
        return Method(owner, name, found)
    bound = getattr(module, name)
    return e.static(bound)


def _by_name(e: Emitter, owner: Module, name: Val, node: ast.AST) -> Val:
    """`self.__getattr__("block1")`."""
    if known_of(name) is None:
        raise e.needs_unrolling("The attribute's name must be known while compiling.", node)
    return module_attribute(e, owner, str(e.depend(name)), node)


def getattr_static(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    raise AttributeError(name)


_NN_METHODS = {  # the methods of torch.nn behind these names; a user's own is compiled
    name: [getattr(cls, name) for cls in (torch.nn.Module, torch.nn.ModuleDict) if hasattr(cls, name)]
    for name in module_methods.METHODS
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
    own = type_of(owner.owner)
    if isinstance(owner.owner, Instance):
        return instances.attribute(e, owner.owner, name, node, owner.cls)
    if isinstance(own, T.ClassType) and not isinstance(owner.owner, Module):
        return _super_of_class(e, owner, own, name, node)
    if not isinstance(owner.owner, Module):
        raise e.unsupported("super() can only be used in methods of modules and script classes.", node)
    order = type(owner.owner.module).__mro__
    for base in order[order.index(owner.cls) + 1 :]:
        if name in base.__dict__:
            found = base.__dict__[name]
            if callable(found):
                return Method(owner.owner, name, found)
            return e.static(found)
    raise e.error(f"No base class has '{name}'.", node)


def _super_of_class(e: Emitter, owner: Super, type: T.ClassType, name: str, node: ast.AST | None) -> Val:
    """`super().name` in a method of a script class."""
    from . import classes

    order = type.python_class.__mro__ if type.python_class is not None else ()
    for base in order[order.index(owner.cls) + 1 :]:
        if base is object:
            break
        found = base.__dict__.get(name)
        if isinstance(found, python_types.FunctionType):
            return BuiltinMethod(owner.owner, classes.base_method(e.program, type, base, name).name)
        if found is not None:
            return e.static(found)
    if name == "__init__":
        return Special("object.__init__", lambda e, node, positional, named: e.none())
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
        if attribute is None or (isinstance(attribute.type, T.ClassType) and attribute.type.is_module):
            return None
        return attribute.type
    return None


def note_other_type(e: Emitter, owner: Val | None, name: str, value: Val, declared: T.Type) -> None:
    """Start again where an attribute of a module that is None at first is assigned something else than a Tensor."""
    if isinstance(owner, Module) and owner.module.__dict__.get(name) is None and name in owner.spec.assigned:
        if e.try_coerce(value, declared) is None:
            e.program.note(type(owner.module), name, type_of(value))


def assign_attribute(e: Emitter, target: ast.Attribute, value: Val) -> None:
    """`owner.name = value`."""
    from . import expressions

    set_attribute(e, expressions.emit(e, target.value), target.attr, value, target, ast.unparse(target))


def set_attribute(e: Emitter, owner: Val, name: str, value: Val, target: ast.AST, path: str | None) -> None:
    """`setattr(owner, name, value)`; `path` is how the program writes it where it is an attribute (`self.x`)."""
    if isinstance(owner, Module):
        cls: T.ClassType = owner.spec.cls
        attribute = cls.attributes.get(name)
        if attribute is None and _set_property(e, owner, name, value, target):
            return
        if attribute is None:
            if name in owner.module._modules or isinstance(value, Module):
                raise e.error(f"The submodule '{name}' cannot be replaced in compiled code.", target)
            attribute = e.program.new_attribute(e, owner, name, value, target)
        place = e.module_value(owner)
    elif isinstance(owner, autograd_functions.Context):
        autograd_functions.write(e, owner, name, value)
        return
    elif isinstance(owner, Instance):
        instances.assign(e, owner, name, value, target)
        return
    else:
        owner_type = type_of(owner)
        if isinstance(owner_type, T.TensorType) and name in ("data", "grad", "requires_grad"):
            _assign_tensor_attribute(e, owner, name, value)
            return
        if isinstance(owner, Static) and owner_type is None:
            raise e.outside(
                f"This changes {owner.describe()}, which compiled code cannot change.",
                target,
                "Keep the value in an attribute of the module.",
            )
        if not isinstance(owner_type, T.ClassType):
            raise e.error(f"{owner.subject()} has no attributes that can be assigned.", target)
        cls = owner_type
        place = e.materialize(owner)
        from . import classes

        setter = classes.setter_of(e.program, cls, name)
        if setter is not None:
            methods.call_class_method(e, owner, setter, [value], {})
            return
        attribute = cls.attributes.get(name)
        if attribute is None and e.initializing is not cls:
            e.program.class_method(cls, "__init__")
            attribute = cls.attributes.get(name)
        if attribute is None:
            if e.initializing is not cls:
                raise e.error(
                    f"'{name_of(cls)}' has no attribute '{name}'; __init__ has to assign it.", target
                )
            attribute = T.ClassAttribute(e.materialize(value).type)
            cls.attributes[name] = attribute
    note_other_type(e, owner, name, value, attribute.type)
    found = e.coerce(value, attribute.type, target, f"the attribute '{name}'")
    e.emit("prim::SetAttr", [place, found], [], {"name": name})
    if path is None:
        return
    if found.type != attribute.type and not isinstance(attribute.type, T.TensorType):
        e.scope.set(path, Dynamic(found))
    else:
        e.scope.set(path, Unusable("", None))


def declare(e: Emitter, target: ast.Attribute, type: T.Type) -> None:
    """`self.name: Optional[str] = None` in the __init__ of a script class says the attribute's type."""
    cls = e.initializing
    owner = e.scope.get(target.value.id) if isinstance(target.value, ast.Name) else None
    if cls is not None and target.attr not in cls.attributes and owner is not None and type_of(owner) == cls:
        cls.attributes[target.attr] = T.ClassAttribute(type)


def _set_property(e: Emitter, owner: Module, name: str, value: Val, target: ast.AST) -> bool:
    """Call the setter, if the module's class has a property of this name."""
    from . import calls

    found = next((c.__dict__[name] for c in type(owner.module).__mro__ if name in c.__dict__), None)
    if not isinstance(found, property):
        return False
    if found.fset is None:
        raise e.error(f"The property '{name}' has no setter.", target)
    calls.call_method(e, Method(owner, f"{name}_setter", found.fset), [value], {})
    return True


def _assign_tensor_attribute(e: Emitter, owner: Val, name: str, value: Val) -> None:
    if name == "data":
        e.call_operator("aten::set_data", [owner, value], {}, ".data")
    elif name == "requires_grad":
        e.call_operator("aten::requires_grad_", [owner, value], {}, ".requires_grad")
    else:
        raise e.unsupported("'.grad' cannot be assigned in compiled code.")
