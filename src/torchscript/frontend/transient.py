"""Modules that are no submodules: made inside `forward`, held by plain lists and dicts, closed over.

    nn.Softmax(dim=1)(x)            →   its forward in place, with its attributes as constants
    self.layers = [nn.Conv2d(…)]    →   each becomes a submodule `layers_0` of the compiled module

What has no parameters is compiled in place. What has some must be found again in every module of the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .. import types as T
from .emitter import Emitter
from .modules import ModuleSpec
from .values import Module, Sequence, Val, known_of, type_of

Path = tuple[Any, ...]


def construct(e: Emitter, cls: type[torch.nn.Module], positional: list[Val], named: dict[str, Val]) -> Val:
    """`Cls(…)` in compiled code: made now, if it holds nothing that every call would make anew at random."""
    made = _Making(e, cls)
    args = [made.argument(v) for v in positional]
    kwargs = {k: made.argument(v) for k, v in named.items()}
    with torch.random.fork_rng(devices=[]):
        try:
            module = cls(*args, **kwargs)
        except RunTimeValueError:
            raise made.unknown() from None
        except Exception as error:
            raise e.error(f"Creating the module '{cls.__qualname__}' fails: {error}") from None
    if any(True for _ in torch.nn.Module.parameters(module)):
        raise e.unsupported(
            f"The module '{cls.__qualname__}' cannot be created in compiled code: it has parameters.",
            None,
            "Create it in __init__ and call it here.",
        )
    given = made.attributes(module)
    for name in given:
        if name in module.__dict__:
            module.__dict__[name] = None
    result = Module(module, e.program.spec_of(module), None, ())
    result.given = given
    return result


class RunTimeValueError(Exception):
    """`__init__` computes with an argument that is known only at run time."""


class _RunTimeInt(int):
    """Stands for a number that is known only at run time, while a module is made that only stores it."""


class _RunTimeList(list[int]):
    """Likewise for a list of numbers."""


def _refuse(*_: Any) -> Any:
    raise RunTimeValueError


for _name in (
    "add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "rfloordiv", "truediv", "rtruediv", "mod", "rmod", "pow",
    "rpow", "neg", "abs", "lt", "le", "gt", "ge", "eq", "ne", "bool", "int", "float", "index", "str", "repr",
):  # fmt: skip
    setattr(_RunTimeInt, f"__{_name}__", _refuse)
for _name in ("len", "iter", "getitem", "bool", "eq", "contains", "str", "repr"):
    setattr(_RunTimeList, f"__{_name}__", _refuse)
setattr(_RunTimeInt, "__hash__", object.__hash__)  # noqa: B010  # a class body with __eq__ would lose it


class _Making:
    """A module that is made of values some of which are known only at run time: which attribute holds which."""

    def __init__(self, e: Emitter, cls: type[torch.nn.Module]) -> None:
        self.e = e
        self.cls = cls
        self.stands_for: dict[int, Val] = {}
        self.kept: list[Any] = []

    def argument(self, val: Val) -> Any:
        """A known argument as it is; what stands for it, where a module of PyTorch will only store it."""
        if isinstance(val, Module):
            return val.module
        if known_of(val) is not None:
            return self.e.depend(val)
        if not self.cls.__module__.startswith("torch.nn.modules."):
            raise self.unknown()
        type = type_of(val)
        if isinstance(val, Sequence) and val.items:
            items = [self.argument(i) for i in val.items]
            return items if val.is_list else tuple(items)
        if isinstance(type, T.TupleType):
            from . import loops

            return tuple(self.argument(i) for i in loops.static_items(self.e, val) or ())
        if isinstance(type, T.IntType):
            return self._keep(_RunTimeInt(1), val)
        if isinstance(type, T.ListType) and isinstance(type.element, T.IntType):
            return self._keep(_RunTimeList(), val)
        if isinstance(type, T.TensorType):
            return self._keep(torch.empty((), device="meta"), val)
        raise self.unknown()

    def _keep(self, stand_in: Any, val: Val) -> Any:
        self.kept.append(stand_in)
        self.stands_for[id(stand_in)] = val
        return stand_in

    def attributes(self, module: torch.nn.Module) -> dict[str, Val]:
        """The attributes that hold run-time values. All of these must have arrived somewhere."""
        given: dict[str, Val] = {}
        found: set[int] = set()

        def val_of(value: Any) -> Val | None:
            if id(value) in self.stands_for:
                found.add(id(value))
                return self.stands_for[id(value)]
            if isinstance(value, tuple | list):
                parts = [val_of(v) for v in value]
                if any(p is not None for p in parts):
                    items = [p or self.e.static(v) for p, v in zip(parts, value, strict=True)]
                    return Sequence(items, is_list=isinstance(value, list))
            return None

        if self.stands_for:
            for name, value in {**module.__dict__, **module._buffers}.items():
                val = val_of(value)
                if val is not None:
                    given[name] = val
        if len(found) < len(self.stands_for):
            raise self.unknown()
        return given

    def unknown(self) -> Exception:
        return self.e.needs_unrolling(
            f"The module '{self.cls.__qualname__}' is created with a value that is known only at run time. "
            "Create it in __init__ and call it here."
        )


def is_transient(owner: Module) -> bool:
    """Whether a module is not reached through the module that is compiled, so that its attributes are constants."""
    return owner.value is None and owner.parent is None and owner.root is None


def constant_attribute(e: Emitter, owner: Module, name: str) -> Val | None:
    """A parameter, buffer, flag or plain attribute of a transient module."""
    module = owner.module
    if owner.given is not None and name in owner.given:
        return owner.given[name]
    if name in module._parameters:
        return None if module._parameters[name] is not None else e.static(None)
    if name in module._buffers:
        return e.static(module._buffers[name])
    if name in module.__dict__ and name not in ("_modules", "_parameters", "_buffers"):
        return e.static(module.__dict__[name])
    return None


def find(e: Emitter, owner: Module) -> Module | None:
    """A transient module below the module that is compiled: a submodule of it, or in one of its plain containers."""
    root = e.self_module
    if root is None or (root.value is None and root.parent is None):
        return None
    for path, module in torch.nn.Module.named_modules(root.module):
        if module is owner.module:
            return _walk(e, root, path.split(".") if path else [])
    for path, module in torch.nn.Module.named_modules(root.module):
        for name, where in held(module):
            if where[-1] is owner.module:
                return _adopted(e, _walk(e, root, path.split(".") if path else []), name, where[:-1])
    return None


def _walk(e: Emitter, root: Module, parts: list[str]) -> Module:
    val: Val = root
    for part in parts:
        assert isinstance(val, Module)
        val = e.program.submodule(e, val, part)
    assert isinstance(val, Module)
    return val


def held(module: torch.nn.Module) -> Iterator[tuple[str, Path]]:
    """The modules in a module's plain attributes: a name for each, and the path to it with it at the end."""
    registered = {id(m) for m in torch.nn.Module.modules(module)}

    def search(value: Any, name: str, path: Path, depth: int) -> Iterator[tuple[str, Path]]:
        if isinstance(value, torch.nn.Module):
            if id(value) not in registered:
                yield name, (*path, value)
        elif depth < 3 and isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from search(item, f"{name}_{index}", (*path, index), depth + 1)
        elif depth < 3 and isinstance(value, dict):
            for key, item in value.items():
                if isinstance(key, str | int):
                    yield from search(item, f"{name}_{key}", (*path, key), depth + 1)

    for attribute, value in module.__dict__.items():
        if attribute not in ("_modules", "_parameters", "_buffers") and not attribute.endswith("_hooks"):
            yield from search(value, attribute, (attribute,), 0)


def _adopted(e: Emitter, holder: Module, name: str, path: Path) -> Module:
    """The module at `path` of `holder` as a submodule of the compiled one."""
    spec = holder.spec
    name = name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)
    if name not in spec.adopted:
        first = at(holder.module, path)
        assert first is not None
        child = e.program.spec_of(first)
        for instance in spec.instances:
            found = at(instance, path)
            if found is None or e.program.spec_of(found) is not child:
                raise e.unsupported(
                    f"Modules of class '{type(instance).__qualname__}' hold different modules in '{path[0]}'.",
                    None,
                    "Use a ModuleList or ModuleDict.",
                )
        spec.adopted[name] = path
        spec.cls.attributes[name] = T.ClassAttribute(child.cls, T.AttributeKind.MODULE)
    module = at(holder.module, path)
    assert module is not None
    return Module(module, e.program.spec_of(module), holder.root, (*holder.path, name), None, holder)


def at(module: torch.nn.Module, path: Path) -> torch.nn.Module | None:
    """What a module's plain attributes hold at `path`."""
    value: Any = module.__dict__.get(path[0])
    try:
        for key in path[1:]:
            value = value[key]
    except (LookupError, TypeError):
        return None
    return value if isinstance(value, torch.nn.Module) else None


def fits(program: Any, spec: ModuleSpec, module: torch.nn.Module) -> bool:
    """Whether `module` holds modules of the adopted classes too."""
    for name, path in spec.adopted.items():
        found = at(module, path)
        if found is None or program.spec_of(found).cls is not spec.cls.attributes[name].type:
            return False
    return True
