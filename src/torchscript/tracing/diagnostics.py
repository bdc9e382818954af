"""Warnings about a run that its recording cannot stand for: what happened, at which line, what to do.

Each is given once per line of the user's program, however often the line runs.
"""

from __future__ import annotations

import warnings
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import TracerWarning, TracingError
from ..source import SourceRange
from .branches import Branches, Decision
from .locations import expression_at, line_of, line_range, user_frame

if TYPE_CHECKING:
    from .recorder import Recorder

_KEEPS = (
    "Python values are not recorded: the trace keeps the value of this run ({value}) as a constant, "
    "and will be wrong for inputs that lead to another."
)
_SCRIPT = (
    "To keep a decision that depends on data, compile the function that takes it with `script`, or trace with "
    'branches="script".'
)
_INSTEAD = {
    "is the index of a Python sequence": "Make the sequence a tensor, and index that.",
    "is the bound of a slice of a Python sequence": "Make the sequence a tensor, and slice that.",
    "is the length of a Python sequence": "Make a tensor of that length (`torch.full`) instead.",
    "becomes a value of NumPy": "Compute it with PyTorch instead.",
    "becomes a complex number": "Compute with a complex tensor (`torch.complex`) instead.",
    "becomes a text": _SCRIPT,
}
"""Where a number goes that is followed no more → what to write instead."""
_COMPUTE = "Compute it from tensors, in every call."


class Diagnostics:
    """The warnings of one recording."""

    def __init__(self, recorder: Recorder | None = None, *, silent: bool = False) -> None:
        self.recorder = recorder
        self.silent = silent
        self.error: TracingError | None = None
        self._given: set[tuple[str, str, int]] = set()

    def warn(self, topic: str, message: str, frame: FrameType | None = None) -> None:
        """Warn at the user's line, once per line and topic."""
        if self.silent:
            return
        frame = frame or user_frame()
        filename, line = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("<unknown>", 0)
        self.warn_at(topic, message, filename, line)

    def warn_at(self, topic: str, message: str, filename: str, line: int) -> None:
        """Warn at a line, once per line and topic."""
        if self.silent or (topic, filename, line) in self._given:
            return
        self._given.add((topic, filename, line))
        text = line_of(filename, line)
        if text and "\n" not in message:
            message += f" Here: `{text}`"
        warnings.warn_explicit(message, TracerWarning, filename, line)

    def decision(
        self, topic: str, what: str, message: str, frame: FrameType | None, line: int | None = None
    ) -> None:
        """Data decided what Python did next: warn, raise, or have the function compiled (`branches.py`)."""
        if self.silent or frame is None or self.recorder is None:
            return
        filename, line = frame.f_code.co_filename, line or frame.f_lineno
        branches: Branches = self.recorder.branches
        if branches.mode == "error":
            where: SourceRange = line_range(filename, line)
            # Kept as well, for code that catches whatever happens.
            self.error = TracingError(
                f"{what[0].upper()}{what[1:]}, which decides what Python does next, and a trace holds one path "
                'through the program (branches="error"). Compile the function that takes the decision with `script`, '
                f'or trace with branches="script".\n{where.show()}'
            )
            raise self.error
        if branches.mode == "script":
            reason = branches.decide(self.recorder, Decision(what, filename, line), frame)
            if reason is not None:
                message += f" It is recorded all the same, because it cannot be compiled: {reason}"
        self.warn_at(topic, message, filename, line)

    def converted(self, target: str, value: Any) -> None:
        """A tensor became a Python value that the recording does not follow."""
        message = f"Converting a tensor to a {target} might cause the trace to be incorrect. "
        if target == "Python boolean":
            frame = user_frame()
            message += f"{_took(frame, value)} {_SCRIPT}"
            self.decision("converted", "a tensor becomes a Python boolean", message, frame)
        else:
            message += (
                f"{_KEEPS.format(value=_short(value))} Keep it a tensor where the result depends on it."
            )
            self.warn("converted", message)

    def decided(self, what: str, value: Any) -> None:
        """A size decided something in Python."""
        frame = user_frame()
        if frame is not None:
            filename, line = frame.f_code.co_filename, frame.f_lineno
            if line_of(filename, line).startswith("assert") or line_of(filename, line + 1).startswith(
                "raise"
            ):
                return  # it can only refuse its input
        self.decision(
            "decided",
            "a size of a tensor is compared",
            f"{what} decides what Python does next, which might cause the trace to be incorrect. "
            f"{_took(frame, value, inside=True)} {_SCRIPT}",
            frame,
        )

    def used(self, use: str, value: Any) -> None:
        """A number that is followed went where it is followed no more."""
        self.warn(
            "converted",
            f"A number that the trace follows (a size, or one that was read from a tensor) {use} here, "
            f"which might cause the trace to be incorrect. {_KEEPS.format(value=_short(value))} "
            f"{_INSTEAD.get(use, _COMPUTE)}",
        )

    def iterated(self, length: int) -> None:
        """A loop went over the elements of a tensor."""
        self.decision(
            "iterated",
            "a loop goes over the elements of a tensor",
            "Iterating over a tensor might cause the trace to be incorrect. "
            f"The trace holds the {length} iterations of this run, and takes only tensors of that length. "
            "Compile the loop with `script` to keep it a loop.",
            user_frame(),
        )

    def unrolled(self, frame: FrameType, line: int) -> None:
        """A loop went over a range that depends on a size."""
        self.decision(
            "unrolled",
            "a loop runs as often as a size of a tensor says",
            "This loop runs as often as a size of an input says, which might cause the trace to be "
            "incorrect. "
            "The trace holds the iterations of this run, unrolled, whatever the sizes of later inputs. "
            "Compile the loop with `script` to keep it a loop.",
            frame,
            line,
        )

    def baked_number(self, filename: str, line: int, value: Any) -> None:
        """A number read from a tensor went where the recording could not follow it."""
        self.warn_at(
            "converted",
            "Converting a tensor to a Python number might cause the trace to be incorrect. "
            f"{_KEEPS.format(value=_short(value))} Keep it a tensor where the result depends on it.",
            filename,
            line,
        )

    def tensor_from_values(self, name: str) -> None:
        """`torch.tensor(…)` of Python values."""
        self.warn(
            "constant",
            f"torch.{name} results are registered as constants in the trace. You can safely ignore this "
            f"warning if "
            "the values are the same in every call. In any other case, this might cause the trace to be "
            "incorrect; "
            "build the tensor from tensors (`torch.stack`) instead.",
        )

    def autograd_function(self, name: str) -> None:
        """An autograd.Function ran."""
        self.warn(
            "autograd function",
            f"The autograd function {name} is recorded as its forward; the trace does not hold its backward. "
            "Gradients of the trace are those of the operators in forward, and differ where the backward says "
            "something else.",
        )

    def transformed(self) -> None:
        """A function of `torch.func` ran."""
        self.warn(
            "transform",
            "torch.vmap and the other transforms of torch.func are recorded as the operators that they led to for "
            "the sizes of this run: the trace is right for inputs of these sizes, and may raise an error for others.",
        )

    def taken_apart(self, name: str) -> None:
        """Autocast works inside of an operator."""
        self.warn(
            "taken apart",
            f"Autocast has '{name}' compute some of its parts in another dtype, so it is recorded as its parts, for the "
            "sizes of this run: the trace is right for inputs of these sizes, and may raise an error for others.",
        )

    def random(self, name: str, value: Any) -> None:
        """Python drew a random number."""
        self.warn(
            "random value",
            f"{name} draws a random value in Python, where it is not recorded: the trace keeps what this run "
            f"drew ({_short(value)}) as a constant. Draw it with PyTorch (`torch.rand`) to have another one in "
            "every call.",
        )

    def changed(self, what: str, before: Any, now: Any, filename: str, line: int) -> None:
        """The run changed a value of Python."""
        self.warn_at(
            f"changed {what}",
            f"{what} was changed by this run (from {_short(before)} to {_short(now)}). Python values are not "
            "recorded: calls of the trace will not change it, and what was computed from it is a constant. "
            "Make it a tensor (a buffer of the module), or return it.",
            filename,
            line,
        )

    def outside_tensor(self, name: str) -> None:
        """An operation that recording knows nothing about returned tensors."""
        self.warn(
            "outside",
            f"The results of {name} cannot be recorded, and are registered as constants in the trace, which "
            f"might "
            "cause it to be incorrect.",
        )


def _took(frame: FrameType | None, value: Any, *, inside: bool = False) -> str:
    """Which way Python went, and which it did not; `inside` if a call may have asked within the expression."""
    text, is_decision = "", False
    if frame is not None and line_of(frame.f_code.co_filename, frame.f_lineno).startswith("while "):
        return "The trace holds as many iterations of this loop as this run makes, unrolled, for all inputs."
    if frame is not None and isinstance(value, bool):
        text, is_decision = expression_at(frame)
    if not text:
        return f"The trace holds the path that Python took in this run ({_short(value)}), and no other."
    if is_decision or not inside:
        return (
            f"In this run `{text}` was {value}: the trace holds the path that Python took then, and will be wrong "
            f"for inputs for which it is {not value}."
        )
    return (
        f"In this run the comparison was {value}: the trace holds what `{text}` led to then, and will be wrong for "
        f"inputs for which that is something else."
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
