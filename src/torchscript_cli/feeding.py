"""What the methods of an archive take, found without running them: each input is followed to the weight it meets.

    def forward(self, x):                          x   float32 N×3×H×W   conv1.weight is 64×3×7×7
        return self.fc(self.conv1(x).mean(…))

A method that was traced says it itself. What is found is where a size is certain; a letter stands for any size,
and the example has a guess in its place.
"""

from __future__ import annotations

import json
import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torchscript import types as T
from torchscript.archive.unpickler import ScriptObject
from torchscript.errors import Error

if TYPE_CHECKING:
    import torch

    from torchscript.archive.reader import LoadedArchive
    from torchscript.ir.graph import Function, Graph, Node, Value
    from torchscript.schema import Argument

Size = int | str
_LIMIT = 4000  # places that are looked at
_SHAPE = "SHAPE"  # stands in an example for what is not known
_SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_GUESSES = {"N": 1, "L": 16, "T": 8, "D": 16, "H": 64, "W": 64, "…": 1}
_PICTURE = 224  # of images with three channels
_MESSAGES = 6

# Operators whose result has the sizes of their first argument.
_KEEPING = frozenset(
    """
    to contiguous clone float half double type_as detach requires_grad_ add add_ sub sub_ rsub mul mul_ div div_ pow
    neg abs exp log sqrt clamp clamp_min clamp_max nan_to_num masked_fill relu relu_ relu6 leaky_relu elu gelu silu
    tanh sigmoid hardtanh hardswish hardsigmoid softmax log_softmax dropout dropout_ feature_dropout layer_norm
    group_norm instance_norm quantize_per_tensor dequantize
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Met:
    """The sizes and the dtype that a weight asks for; `rows` is how many an embedding has."""

    sizes: tuple[Size, ...]
    dtype: str
    weight: str
    rows: int | None = None


@dataclass
class Input:
    """An argument of a method, and what is known of what it takes."""

    name: str
    type: str
    example: str | None
    sizes: tuple[Size, ...] | None = None
    dtype: str | None = None
    because: str | None = None
    needed: bool = True

    def described(self) -> str:
        parts = [self.type]
        if self.sizes is not None:
            parts = [f"{self.dtype} {'×'.join(map(str, self.sizes)) or 'scalar'}"]
        if self.because:
            parts.append(self.because)
        return "   ".join(parts)


@dataclass
class Feed:
    """How to call a method: its inputs, a command that does, and what it may complain of."""

    method: str
    inputs: list[Input] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def known(self) -> bool:
        return all(given.example not in (None, _SHAPE) for given in self.inputs if given.needed)

    def command(self, archive: str) -> str:
        """The line for a shell; `SHAPE` where sizes are to be filled in."""
        words = ["torchscript", "run", archive]
        if self.method != "forward":
            words += ["--method", self.method]
        skipped = False
        for given in self.inputs:
            if not given.needed or given.example is None:
                skipped = True
                continue
            words.append(f"{given.name}={given.example}" if skipped else given.example)
        return shlex.join(words)

    def as_json(self, archive: str) -> dict[str, Any]:
        return {
            "method": self.method,
            "inputs": [
                {
                    "name": i.name,
                    "type": i.type,
                    "needed": i.needed,
                    "sizes": None if i.sizes is None else list(i.sizes),
                    "dtype": i.dtype,
                    "because": i.because,
                    "example": i.example,
                }
                for i in self.inputs
            ],
            "command": self.command(archive),
            "complete": self.known,
            "raises": self.complaints,
        }


def feed_of(archive: LoadedArchive, method: str, function: Function, owner: ScriptObject) -> Feed:
    """How to call `function`, a method of `owner`. Damaged code is no reason to fail: less is known then."""
    feed = Feed(method)
    traced = archive.traced_inputs().get(method, ())
    try:
        graph = function.graph
        feed.complaints = list(dict.fromkeys(_complaints(archive, graph, owner)))[:_MESSAGES]
    except (Error, RecursionError):
        graph = None
    for i, argument in enumerate(function.schema.arguments[1:], start=1):
        given = Input(argument.name, argument.type.annotation(), None, needed=not argument.has_default)
        known = traced[i - 1] if i <= len(traced) else None
        try:
            if known is not None and _of_sizes(given, known):
                given.because = "as it was traced"
            else:
                follower = _Follower(archive)
                if graph is not None:
                    follower.follow(graph, owner, graph.inputs[i])
                _fill(given, argument, follower)
        except (Error, RecursionError):
            given.example = given.example or _example(argument.type, None, ())
        feed.inputs.append(given)
    return feed


def _of_sizes(given: Input, value: Any) -> bool:
    import torch

    if not isinstance(value, torch.Tensor):
        return False
    given.sizes = tuple(value.shape)
    given.dtype = str(value.dtype).removeprefix("torch.")
    given.example = _shape_text(given.sizes, given.dtype)
    return True


def _fill(given: Input, argument: Argument, follower: _Follower) -> None:
    given.example = _example(argument.type, follower.met, follower.compared)
    if follower.met is not None:
        given.sizes, given.dtype = follower.met.sizes, follower.met.dtype
        given.because = follower.met.weight
        if follower.met.rows is not None:
            given.because += f": numbers below {follower.met.rows}"
    elif follower.compared:
        given.because = f"compared with {', '.join(map(repr, follower.compared))}"


# --- Examples --------------------------------------------------------------------------------------------


def _shape_text(sizes: tuple[Size, ...], dtype: str) -> str:
    picture = sizes[1:2] == (3,) and sizes[2:] == ("H", "W")
    numbers = [
        s if isinstance(s, int) else _PICTURE if picture and s in "HW" else _GUESSES.get(s, 1) for s in sizes
    ]
    text = "x".join(map(str, numbers)) or "scalar"
    if dtype != "float32":
        return f"{text}:{dtype}"
    return text if len(numbers) != 1 else f"{text}:float32"  # a single number would be a value


def _example(type: T.Type, met: Met | None, compared: tuple[Any, ...]) -> str | None:
    """What may stand on the command line for a value of a type; None where nothing can."""
    type = type.element if isinstance(type, T.OptionalType) else type
    if _holds_tensors(type) and not isinstance(type, T.TupleType):
        if met is None:
            return _SHAPE
        if met.rows is not None and met.rows < 10:  # random integers are from 0 to 9
            return json.dumps([[0] * 8])
        return _shape_text(met.sizes, met.dtype)
    if compared and isinstance(compared[0], str):
        return str(compared[0])
    if compared:
        return json.dumps(compared[0])
    if type == T.STRING:
        return "text"
    value = _plain_example(type)
    return None if value is None else json.dumps(value)


def _holds_tensors(type: T.Type) -> bool:
    return type == T.TENSOR or (isinstance(type, T.ListType) and _holds_tensors(type.element))


def _plain_example(type: T.Type) -> Any:
    """A value of a type that JSON can say, or None."""
    for kind, value in ((T.INT, 1), (T.FLOAT, 0.5), (T.BOOL, True), (T.STRING, "text"), (T.TENSOR, [0.5])):
        if type == kind:
            return value
    if isinstance(type, T.ListType):
        item = _plain_example(type.element)
        return None if item is None else [item]
    if isinstance(type, T.TupleType):
        items = [_plain_example(element) for element in type.elements]
        return None if None in items else items
    if isinstance(type, T.DictType):
        item = _plain_example(type.value)
        return None if item is None else {"key" if type.key == T.STRING else 1: item}
    return None


# --- Following a value -----------------------------------------------------------------------------------


@dataclass
class _Frame:
    """A graph that is walked, and what its parameters and the attributes read in it stand for."""

    graph: Graph
    known: dict[Value, tuple[str, Any]]
    caller: tuple[_Frame, Node] | None = None

    def of(self, value: Value) -> tuple[str, Any] | None:
        """The object, tensor or other attribute that a value is, with its path from the top."""
        found = self.known.get(value)
        if found is not None or value.node is None or value.node.kind != "prim::GetAttr":
            return found
        owner = self.of(value.node.inputs[0])
        if owner is None or not isinstance(owner[1], ScriptObject) or not isinstance(owner[1].state, dict):
            return None
        name = value.node.attributes["name"]
        if name not in owner[1].state:
            return None
        found = f"{owner[0]}.{name}" if owner[0] else name, owner[1].state[name]
        self.known[value] = found
        return found

    def tensor(self, value: Value) -> tuple[str, torch.Tensor] | None:
        import torch

        found = self.of(value)
        return found if found is not None and isinstance(found[1], torch.Tensor) else None


class _Follower:
    """Goes where a value goes, through calls, until it meets a weight."""

    def __init__(self, archive: LoadedArchive) -> None:
        self.archive = archive
        self.met: Met | None = None
        self.compared: tuple[Any, ...] = ()

    def follow(self, graph: Graph, owner: ScriptObject, value: Value) -> None:
        queue = deque([(_Frame(graph, {graph.inputs[0]: ("", owner)}), value)])
        seen: set[Value] = set()
        while queue and len(seen) < _LIMIT:
            frame, value = queue.popleft()
            if value in seen:
                continue
            seen.add(value)
            for node, place in list(value.users):
                self.met = _met(frame, node, place)
                if self.met is not None:
                    return
                self._compare(node, place)
                queue.extend(self._onwards(frame, node, place))

    def _onwards(self, frame: _Frame, node: Node, place: int) -> Iterator[tuple[_Frame, Value]]:
        """Where the value is found again, of the same sizes, after a node that uses it."""
        if (node.kind.rpartition("::")[2] in _KEEPING and place == 0) or node.kind == "prim::unchecked_cast":
            yield frame, node.outputs[0]
        elif node.kind in ("aten::__getitem__", "prim::ListUnpack") and place == 0:
            yield from ((frame, output) for output in node.outputs)
        elif node.kind in ("prim::CallMethod", "prim::CallFunction"):
            called = self._called(frame, node)
            if called is not None:
                yield called, called.graph.inputs[place - (node.kind == "prim::CallFunction")]
        elif node.kind == "prim::Loop" and place > 1:  # after the number of trips and the condition
            yield frame, node.blocks[0].parameters[place - 1]
            yield frame, node.outputs[place - 2]
        elif node.kind == "prim::Return":
            owner = node.block.owner
            if owner is not None and owner.kind == "prim::If":
                yield frame, owner.outputs[place]
            elif owner is not None and owner.kind == "prim::Loop" and place > 0:  # 0 is the condition
                yield frame, node.block.parameters[place]
                yield frame, owner.outputs[place - 1]
            elif owner is None and frame.caller is not None:
                above, call = frame.caller
                yield above, call.outputs[place]

    def _called(self, frame: _Frame, node: Node) -> _Frame | None:
        """What a call runs, with what is known of its arguments."""
        values = list(node.inputs)
        if node.kind == "prim::CallFunction":
            function = node.attributes.get("function")
            values = values[1:]
        else:
            owner = frame.of(node.inputs[0])
            if owner is None or not isinstance(owner[1], ScriptObject):
                return None
            cls = self.archive.importer.class_named(owner[1].class_name)
            function = cls.method(str(node.attributes["name"]))
        graph = getattr(function, "graph", None)
        if graph is None or len(graph.inputs) != len(values):
            return None
        known = {formal: frame.of(value) for formal, value in zip(graph.inputs, values)}
        return _Frame(
            graph, {formal: found for formal, found in known.items() if found is not None}, (frame, node)
        )

    def _compare(self, node: Node, place: int) -> None:
        """A constant that a number or string is compared with is a value that it may have."""
        if node.kind in ("aten::eq", "aten::ne") and len(node.inputs) == 2:
            other = node.inputs[1 - place].node
            value = None if other is None or other.kind != "prim::Constant" else other.attributes.get("value")
            if isinstance(value, int | str) and value not in self.compared:
                self.compared += (value,)


def _met(frame: _Frame, node: Node, place: int) -> Met | None:
    """What a node asks of the value at a place among its inputs, if that is known."""
    name = node.kind.removeprefix("aten::")
    if name == "embedding" and place == 1:
        found = frame.tensor(node.inputs[0])
        return None if found is None else Met(("N", "T"), "int64", _because(found), found[1].shape[0])
    if place != 0 or len(node.inputs) < 2:
        return None
    if name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        return _recurrent(frame, node)
    found = frame.tensor(node.inputs[1])
    if found is None or not found[1].is_floating_point():
        return None
    weight = found[1]
    dtype = str(weight.dtype).removeprefix("torch.")
    if name == "_convolution" or name.startswith(("conv1d", "conv2d", "conv3d", "conv_transpose")):
        groups = _constant(node, "groups") or 1
        transposed = name.startswith("conv_transpose") or bool(_constant(node, "transposed"))
        channels = weight.shape[0] if transposed else weight.shape[1] * int(groups)
        spatial = _SPATIAL.get(weight.dim() - 2)
        return None if spatial is None else Met(("N", channels, *spatial), dtype, _because(found))
    if name == "linear" and weight.dim() == 2:
        return Met(("N", weight.shape[1]), dtype, _because(found))
    if name in ("matmul", "mm") and weight.dim() == 2:
        return Met(("N", weight.shape[0]), dtype, _because(found))
    return None


def _recurrent(frame: _Frame, node: Node) -> Met | None:
    """An LSTM, GRU or RNN: its weights are a list."""
    schema = node.schema
    names = [argument.name for argument in schema.arguments] if schema is not None else []
    if "params" not in names:
        return None
    value = node.inputs[names.index("params")]
    weights = frame.of(value)
    first: Any = weights[1][0] if weights is not None and isinstance(weights[1], list) else None
    path = weights[0] if weights is not None else ""
    if first is None and value.node is not None and value.node.kind == "prim::ListConstruct":
        found = frame.tensor(value.node.inputs[0])
        path, first = found if found is not None else ("", None)
    if first is None:
        return None
    sizes: tuple[Size, ...] = (
        ("N", "T", first.shape[1]) if _constant(node, "batch_first") else ("T", "N", first.shape[1])
    )
    return Met(sizes, str(first.dtype).removeprefix("torch."), _because((path, first)))


def _constant(node: Node, name: str) -> Any:
    """The value of an argument by its name, if it is a constant."""
    for i, argument in enumerate(node.schema.arguments if node.schema is not None else ()):
        if argument.name == name and i < len(node.inputs):
            made = node.inputs[i].node
            return (
                made.attributes.get("value") if made is not None and made.kind == "prim::Constant" else None
            )
    return None


def _because(found: tuple[str, torch.Tensor]) -> str:
    return f"{found[0]} is {'×'.join(map(str, found[1].shape))}"


# --- Complaints ------------------------------------------------------------------------------------------


def _complaints(archive: LoadedArchive, graph: Graph, owner: ScriptObject, depth: int = 1) -> Iterator[str]:
    """Messages of errors that a method raises, and methods of the same module that it calls."""
    for node in graph.all_nodes():
        if node.kind == "prim::RaiseException":
            text = _text(node.inputs[0])
            if text and not text.startswith("Exception") and " " in text:
                yield text
        elif node.kind == "prim::CallMethod" and depth and node.inputs[0] is graph.inputs[0]:
            function = archive.importer.class_named(owner.class_name).method(str(node.attributes["name"]))
            if function is not None:
                yield from _complaints(archive, function.graph, owner, depth - 1)


def _text(value: Value) -> str:
    """A constant string, or the one that `format` fills in."""
    node = value.node
    if node is not None and node.kind == "aten::format":
        return _text(node.inputs[0])
    if node is not None and node.kind == "prim::Constant":
        return " ".join(str(node.attributes.get("value", "")).split())
    return ""
