"""Run the code that runs while an archive is loaded: `__setstate__`, and what it calls.

Nobody has decided yet to run anything of this archive, so this code does not run as other compiled code does.
Its graph is interpreted, node by node, and every node is counted: loops end, and what a node would make is
measured before it is made. Real `__setstate__`s take a few dozen nodes, or some for each word of a vocabulary
that stands in the archive.

    while True: pass                     refused after so many steps
    torch.zeros([1000000, 1000000])      refused before it is run: its size is asked of the meta device
    [0] * 100000000000, 10 ** 10 ** 9    refused before they are run
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import cache
from types import CodeType
from typing import Any

import torch

from .. import types as T
from ..codegen.python.helpers import value_has_type
from ..errors import ArchiveError, Error
from ..ir.graph import Block, Function, Node, Value
from ..operators.dispatcher import overload_of
from ..operators.language import BUILTINS
from ..operators.runtime_helpers import NAMESPACE
from .packed import check_convolution

STEPS = 300_000
"""Nodes that may be run while loading, and more for a larger archive: 20 for each of its bytes."""
BYTES = 1 << 28
"""Bytes that tensors made on the way may take together, and 8 for each byte of the archive."""
ITEMS = 1 << 23
"""Items of lists and letters of strings made on the way, and one for each byte of the archive."""
ELEMENTS_A_STEP = 256

_FITS = 1 << 63
_PACKS_A_CONVOLUTION = re.compile(r"quantized::conv(_transpose)?[123]d_prepack")
_LONG_NUMBER = re.compile(r"\d{5,}")
_PADDINGS = frozenset({"aten::center", "aten::ljust", "aten::rjust", "aten::zfill", "aten::expandtabs"})
_PRODUCTS = frozenset({"aten::replace", "aten::join", "aten::translate"})
# What these return is never more than what they are given, and the meta device cannot say how much.
_BOUNDED = frozenset(
    {
        "aten::nonzero", "aten::nonzero_numpy", "aten::masked_select", "aten::index", "aten::_unique",
        "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::argwhere", "aten::tensor",
        "aten::equal", "aten::allclose", "aten::is_nonzero", "aten::item", "aten::_local_scalar_dense",
    }
)  # fmt: skip


class LoadTimeInterpreter:
    """Runs functions of an archive of `size` bytes, within limits. ArchiveError where they are passed.

    `make_object` makes an object of a class, without attributes.
    """

    def __init__(
        self, where: str, size: int, make_object: Callable[[T.ClassType, dict[str, Any]], Any]
    ) -> None:
        self.where = where
        self.make_object = make_object
        self.steps = STEPS + 20 * size
        self.bytes = BYTES + 8 * size
        self.items = ITEMS + size

    def run(self, function: Function, arguments: Sequence[Any]) -> Any:
        """What the function returns. The gradient mode is afterwards what it was."""
        grad_mode = torch.is_grad_enabled()
        try:
            return self._call(function, arguments)
        except ArchiveError:
            raise
        except RecursionError:
            raise self._error(function.name, "calls itself without end") from None
        except MemoryError:
            raise self._error(function.name, "wants more memory than there is") from None
        except (
            Error,
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            reason = str(error).partition("\n")[0][:200] or type(error).__name__
            raise self._error(function.name, f"fails: {reason}") from None
        finally:
            torch.set_grad_enabled(grad_mode)

    def _error(self, name: str, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.where}: '{name}', which runs while the archive is loaded, {problem}")

    def _refused(self, node: Node, problem: str) -> ArchiveError:
        place = f"\n{node.source.show()}" if node.source is not None else ""
        return ArchiveError(f"{self.where}: code that runs while the archive is loaded {problem}{place}")

    # -- control flow --------------------------------------------------------------------------------------

    def _call(self, function: Function, arguments: Sequence[Any]) -> Any:
        block = function.graph.block
        results = self._block(block, dict(zip(block.parameters, arguments, strict=True)))
        return results[0] if len(results) == 1 else tuple(results)

    def _block(self, block: Block, values: dict[Value, Any]) -> list[Any]:
        for node in block.nodes:
            self._charge(1, node)
            results = self._node(node, [values[v] for v in node.inputs], values)
            values.update(zip(node.outputs, results, strict=True))
        return [values[v] for v in block.outputs]

    def _charge(self, steps: int, node: Node) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise self._refused(node, "does not come to an end")

    def _loop(self, node: Node, inputs: list[Any], values: dict[Value, Any]) -> list[Any]:
        (body,) = node.blocks
        trips, again, *carried = inputs
        trip = 0
        while again and trip < trips:
            self._charge(1, node)
            values.update(zip(body.parameters, [trip, *carried], strict=True))
            again, *carried = self._block(body, values)
            trip += 1
        return carried

    # -- nodes ---------------------------------------------------------------------------------------------

    def _node(self, node: Node, inputs: list[Any], values: dict[Value, Any]) -> Sequence[Any]:
        attributes = node.attributes
        match node.kind:
            case "prim::Constant":
                return [attributes.get("value")]
            case "prim::If":
                return self._block(node.blocks[0 if inputs[0] else 1], values)
            case "prim::Loop":
                return self._loop(node, inputs, values)
            case "prim::GetAttr":
                return [getattr(inputs[0], attributes["name"])]
            case "prim::SetAttr":
                setattr(inputs[0], attributes["name"], inputs[1])
                return []
            case "prim::CallFunction":
                return [self._call(attributes["function"], inputs[1:])]
            case "prim::CallMethod":
                return [self._call(self._method(node, inputs[0], attributes["name"]), inputs)]
            case "prim::Enter" | "prim::Exit":
                name = "__enter__" if node.kind == "prim::Enter" else "__exit__"
                method = self._method(node, inputs[0], name)
                missing = len(method.graph.block.parameters) - 1
                return [self._call(method, [inputs[0], *[None] * missing])]
            case "prim::CreateObject":
                cls = node.output.type
                assert isinstance(cls, T.ClassType)
                return [self.make_object(cls, {})]
            case "prim::RaiseException":
                raise self._refused(node, f"raises an exception: {str(inputs[0])[:200]}")
            case "prim::Print":
                return []
        return self._value_node(node, inputs)

    def _method(self, node: Node, owner: Any, name: str) -> Function:
        cls = getattr(type(owner), "_ts_class", None)
        method = cls.method(name) if isinstance(cls, T.ClassType) else None
        if method is None:
            raise self._refused(node, f"calls '{name}' of something that does not have it")
        return method

    def _value_node(self, node: Node, inputs: list[Any]) -> Sequence[Any]:
        match node.kind:
            case "prim::ListConstruct":
                self._count(node, len(inputs))
                return [inputs]
            case "prim::TupleConstruct":
                type_ = node.output.type
                if isinstance(type_, T.NamedTupleType) and type_.python_class is not None:
                    return [type_.python_class(*inputs)]
                return [tuple(inputs)]
            case "prim::DictConstruct":
                return [dict(zip(inputs[::2], inputs[1::2]))]
            case "prim::TupleUnpack" | "prim::ListUnpack":
                return list(inputs[0])
            case "prim::TupleIndex":
                return [inputs[0][inputs[1]]]
            case "prim::unchecked_cast":
                return inputs
            case "prim::Uninitialized":
                return [None]
            case "prim::isinstance":
                return [any(value_has_type(inputs[0], type_) for type_ in node.attributes["types"])]
            case "prim::EnumName":
                return [inputs[0].name]
            case "prim::EnumValue":
                return [inputs[0].value]
            case "prim::ModuleContainerIndex":
                return [inputs[0][inputs[1]]]
            case "prim::tolist":
                self._count(node, inputs[0].numel())
                return [inputs[0].tolist()]
        return self._operator(node, inputs)

    # -- operators -----------------------------------------------------------------------------------------

    def _operator(self, node: Node, inputs: list[Any]) -> Sequence[Any]:
        schema = node.schema
        if schema is None:
            raise self._refused(node, f"holds '{node.kind}', which has no place there")
        overload = overload_of(schema)
        if overload is None:
            result = self._language(node, inputs)
        else:
            result = self._dispatched(node, overload, inputs)
        count = len(node.outputs)
        results = [] if count == 0 else [result] if count == 1 else list(result)
        for value in results:
            self._measure(node, value)
        return results

    def _language(self, node: Node, inputs: list[Any]) -> Any:
        schema = node.schema
        assert schema is not None
        builtin = BUILTINS.get(schema.key)
        if builtin is None:
            raise self._refused(node, f"calls '{schema.key}', which does not run there")
        self._check_growth(node, inputs)
        count = len(schema.arguments)
        names = {f"_{i}": value for i, value in enumerate(inputs)} | {"_rest": inputs[count:]}
        result = eval(_compiled(schema.key), {**NAMESPACE, **names})
        return inputs[0] if builtin.returns_first else result

    def _check_growth(self, node: Node, inputs: list[Any]) -> None:
        """That an operator of the language does not make, in one step, what is far larger than its arguments."""
        name = node.kind
        ints = [abs(v) for v in inputs if isinstance(v, int)]
        lengths = [len(v) for v in inputs if isinstance(v, str | list | tuple)]
        if name in ("aten::pow", "aten::__lshift__"):
            if len(ints) == 2 and inputs[0] not in (0, 1, -1) and ints[1] > 64:
                raise self._refused(node, "computes a number of more than 64 bits")
        elif (name in ("aten::mul", "aten::mul_") and lengths and ints) or name in _PADDINGS:
            self._count(node, max(ints, default=0) * max(1, *lengths, 1))
        elif name in _PRODUCTS and len(lengths) > 1:
            self._count(node, lengths[0] * max(lengths[1:]))
        elif name == "prim::rangelist":
            self._count(node, max(ints, default=0))
        elif name in ("aten::format", "aten::percentFormat") and isinstance(inputs[0], str):
            if _LONG_NUMBER.search(inputs[0]) or "*" in inputs[0]:
                raise self._refused(node, "formats a text of great length")
            self._count(node, sum(lengths))

    def _count(self, node: Node, items: int) -> None:
        self.items -= items
        if self.items < 0:
            raise self._refused(node, "makes too many items of lists, or too much text")

    def _measure(self, node: Node, value: Any) -> None:
        if isinstance(value, bool):
            return
        if isinstance(value, int) and not -_FITS <= value < _FITS:
            raise self._refused(node, "computes a number of more than 64 bits")
        schema = node.schema
        is_new = schema is None or all(r.alias is None for r in schema.returns)
        if isinstance(value, str | list | tuple | dict) and is_new:
            self._count(node, len(value))
            self._charge(len(value) // ELEMENTS_A_STEP, node)

    def _dispatched(self, node: Node, overload: Any, inputs: list[Any]) -> Any:
        schema = node.schema
        assert schema is not None
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for argument, value in zip(schema.arguments, inputs, strict=True):
            if argument.kwarg_only:
                named[argument.name] = value
            else:
                positional.append(value)
        if _PACKS_A_CONVOLUTION.fullmatch(node.kind):
            given = {argument.name: value for argument, value in zip(schema.arguments, inputs)}
            padding = [*given["padding"], *given.get("output_padding", [])]
            check_convolution(given["weight"], given["groups"], given["stride"], padding, given["dilation"])
        self._check_size(node, overload, positional, named)
        result = overload(*positional, **named)
        elements = sum(t.numel() for t in (*_tensors(inputs), *_tensors(result)))
        self._charge(elements // ELEMENTS_A_STEP, node)
        return result

    def _check_size(self, node: Node, overload: Any, positional: list[Any], named: dict[str, Any]) -> None:
        """That what a tensor operator is about to make is not too large. The meta device computes sizes only."""
        given = list(_tensors([*positional, *named.values()]))
        for tensor in given:
            if tensor.layout != torch.strided:
                self._take(node, tensor.numel() * tensor.element_size())
        if not node.kind.startswith("aten::") or any(_has_no_meta(tensor) for tensor in given):
            return  # packing weights and the like, which makes nothing larger
        if not _makes_tensors(node):
            return
        try:
            with torch.no_grad():
                made = overload(
                    *[_to_meta(value) for value in positional],
                    **{name: _to_meta(value, name) for name, value in named.items()},
                )
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
            if node.kind in _BOUNDED:
                self._take(node, sum(t.numel() * max(8, t.element_size()) * max(1, t.dim()) for t in given))
                return
            reason = str(error).partition("\n")[0][:200]
            raise self._refused(node, f"calls '{node.kind}', which fails: {reason}") from None
        self._take(node, sum(t.numel() * t.element_size() for t in _tensors(made)))

    def _take(self, node: Node, size: int) -> None:
        self.bytes -= size
        if self.bytes < 0:
            raise self._refused(node, "makes tensors that are too large")


def _makes_tensors(node: Node) -> bool:
    """Whether an operator returns tensors of its own, or may resize one."""
    schema = node.schema
    assert schema is not None
    return any(r.alias is None or r.alias.is_write for r in schema.returns) and any(
        _holds_tensors(r.type) for r in schema.returns
    )


def _holds_tensors(type_: T.Type) -> bool:
    return isinstance(type_, T.TensorType) or any(_holds_tensors(inner) for inner in type_.contained)


def _has_no_meta(tensor: torch.Tensor) -> bool:
    return tensor.is_quantized or tensor.layout != torch.strided


def _to_meta(value: Any, name: str = "") -> Any:
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, list):
        return [_to_meta(item) for item in value]
    if isinstance(value, torch.device) or name == "device":
        return torch.device("meta")
    return value


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


@cache
def _compiled(key: str) -> CodeType:
    tree = BUILTINS[key].tree
    if isinstance(tree, ast.stmt):
        return compile(ast.fix_missing_locations(ast.Module([tree], [])), f"<{key}>", "exec")
    return compile(ast.fix_missing_locations(ast.Expression(tree)), f"<{key}>", "eval")
