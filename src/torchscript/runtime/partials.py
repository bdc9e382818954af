"""`script(functools.partial(f, dim=-1))`: a function of the arguments that are left.

partial(f, dim=-1)      →      def f(x: Tensor, *, dim: int = -1):
                                   return partial_(x, dim=dim)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..codegen.python.locations import show_text
from ..errors import Error

_KINDS = inspect.Parameter
_STARS = {int(_KINDS.VAR_POSITIONAL): "*", int(_KINDS.VAR_KEYWORD): "**"}


def function_of(partial: functools.partial[Any]) -> Callable[..., Any]:
    """A function with source that calls the partial object; its parameters keep annotations and defaults."""
    name = getattr(partial.func, "__name__", "partial_")
    if not name.isidentifier():
        name = "lambda_"  # which calls itself <lambda>
    scope: dict[str, Any] = {"partial_": partial, "__name__": getattr(partial.func, "__module__", "__main__")}
    parameters: list[str] = []
    given: list[str] = []
    starred = False
    try:
        signature = inspect.signature(partial)
    except ValueError:
        raise Error(
            f"What '{name}' takes is not known, so a partial of it cannot be compiled alone. "
            "Write a function that calls it."
        ) from None
    for index, parameter in enumerate(signature.parameters.values()):
        text = parameter.name
        if parameter.annotation is not _KINDS.empty:
            scope[f"type_{index}"] = parameter.annotation
            text += f": type_{index}"
        if parameter.default is not _KINDS.empty:
            scope[f"default_{index}"] = parameter.default
            text += f" = default_{index}"
        if parameter.kind is _KINDS.KEYWORD_ONLY:
            parameters.extend([] if starred else ["*"])
            starred = True
        prefix = _STARS.get(int(parameter.kind), "")
        starred = starred or prefix == "*"
        parameters.append(prefix + text)
        by_name = f"{parameter.name}={parameter.name}"
        given.append(by_name if parameter.kind is _KINDS.KEYWORD_ONLY else prefix + parameter.name)
    source = f"def {name}({', '.join(parameters)}):\n    return partial_({', '.join(given)})\n"
    file = f"<partial of {name} {id(partial)}>"
    show_text(file, source)
    exec(compile(source, file, "exec"), scope)
    made: Callable[..., Any] = scope[name]
    return made
