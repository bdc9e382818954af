"""Giving every parameter its argument, as Python does."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from .. import types as T
from .emitter import Emitter
from .problems import MissingArguments
from .sources import FunctionSource
from .values import Dynamic, Mapping, Sequence, Val

if TYPE_CHECKING:
    from .program import Program


class Bound(typing.NamedTuple):
    """An argument of a call after binding: its value, and whether it is the parameter's default."""

    val: Val
    is_default: bool


def bind(
    e: Emitter,
    source: FunctionSource,
    defaults: tuple[tuple[Any, ...], dict[str, Any]],
    positional: list[Val],
    named: dict[str, Val],
    display: str,
) -> dict[str, Bound]:
    """Give every parameter its argument, as Python does."""
    args = source.tree.args
    names = [a.arg for a in [*args.posonlyargs, *args.args]]
    bound: dict[str, Bound] = {}
    extra: list[Val] = []
    for index, val in enumerate(positional):
        if index < len(names):
            bound[names[index]] = Bound(val, False)
        elif args.vararg is not None:
            extra.append(val)
        else:
            raise e.certain(
                TypeError,
                f"'{display}' takes {len(names)} positional arguments, but {len(positional)} are given.",
            )
    keyword_only = [a.arg for a in args.kwonlyargs]
    others: dict[str, Val] = {}
    for name, val in named.items():
        if name in bound:
            raise e.error(f"'{display}' gets the argument '{name}' twice.")
        if name in names or name in keyword_only:
            bound[name] = Bound(val, False)
        elif args.kwarg is not None:
            others[name] = val
        else:
            known = [*names, *keyword_only]
            raise e.error(f"'{display}' has no argument '{name}'; it has {', '.join(known)}.")
    by_position, by_name = defaults
    first_default = len(names) - len(by_position)
    missing = []
    for index, name in enumerate(names):
        if name not in bound:
            if index >= first_default:
                bound[name] = Bound(_default(e.program, by_position[index - first_default]), True)
            else:
                missing.append(name)
    for name in keyword_only:
        if name not in bound:
            if name in by_name:
                bound[name] = Bound(_default(e.program, by_name[name]), True)
            else:
                missing.append(name)
    if missing:
        message = f"'{display}' is called without {', '.join(repr(m) for m in missing)}."
        raise MissingArguments(message, e.where(), missing)
    ordered = {n: bound[n] for n in names}
    if args.vararg is not None:
        ordered[args.vararg.arg] = Bound(Sequence(extra), not extra)
    for name in keyword_only:
        ordered[name] = bound[name]
    if args.kwarg is not None:
        ordered[args.kwarg.arg] = Bound(Mapping(dict(others), e.block), not others)
    return ordered


def _default(program: Program, value: Any) -> Val:
    return value if isinstance(value, Val) else program.static(value)


def advice_for_callee(callee: Val) -> tuple[str, ...]:
    """What to do where an argument is called that is a Tensor, since its annotation names no type of data."""
    if not isinstance(callee, Dynamic) or callee.value.node is not None or callee.type != T.TENSOR:
        return ()
    return (
        "A function cannot be an argument of compiled code from outside: close over it, or keep it in self.",
    )
