"""Which overload takes these arguments, and what each argument has to be converted to.

An argument can fit at one of several levels (`Level`). An overload fits at the worst level of its arguments,
and the overload that fits at the best level is chosen, the first of them in the order of the dispatcher. So
`aten::add(int, Tensor)` never becomes an addition of ints as long as an overload fits with less conversion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .. import types as T
from ..errors import SchemaMatchError
from ..source import SourceRange
from .conversion import EXACT, Conversion, Level, fit
from .model import Argument, Schema
from .reasons import Refusal, describe_failure
from .variables import Bindings, bind, has_variables, substitute


class Typed(Protocol):
    """What can be an actual argument: anything with a static type."""

    @property
    def type(self) -> T.Type: ...


@dataclass(frozen=True, slots=True)
class Binding:
    """What one argument of the schema gets.

    `actual` is None for the default, a tuple of actuals for VARARGS_TO_LIST. `type` is the argument's type
    with type variables replaced. `elements` are the conversions of a tuple's elements or of varargs, where
    any is needed.
    """

    argument: Argument
    actual: Any
    conversion: Conversion
    type: T.Type
    elements: tuple[Conversion, ...] | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """An overload that takes the arguments: one binding per argument of the schema, in order.

    `return_types` have type variables replaced. `varargs` are what a vararg schema takes beyond its
    arguments.
    """

    schema: Schema
    bindings: tuple[Binding, ...]
    return_types: tuple[T.Type, ...]
    level: Level = Level.EXACT
    varargs: tuple[Any, ...] = ()

    @property
    def return_type(self) -> T.Type:
        """None without results, the result's type with one, a tuple with several."""
        if not self.return_types:
            return T.NONE
        return self.return_types[0] if len(self.return_types) == 1 else T.TupleType(self.return_types)


# The names that functions of Python have for what operators call otherwise (`torch.sum(input=x, axis=0)`).
_OTHER_NAMES = {
    "self": ("input", "x", "a", "x1", "tensor"),
    "input": ("x", "a", "x1"),
    "other": ("x2",),
    "dim": ("axis",),
    "keepdim": ("keepdims",),
    "split_size": ("split_size_or_sections",),
    "split_sizes": ("split_size_or_sections",),
    "tensors": ("operands",),
}


@dataclass(slots=True)
class _Slot:
    """What matching wants to know of one argument, precomputed."""

    argument: Argument
    name: str
    type: T.Type
    kwarg_only: bool
    default: Binding | None
    variables: bool
    takes_varargs: T.Type | None  # the element type, where several positional arguments can make one list
    other_names: tuple[str, ...]


@dataclass(slots=True)
class _Plan:
    """A schema prepared for matching."""

    schema: Schema
    slots: tuple[_Slot, ...]
    required: int
    max_positional: int
    takes_varargs: bool
    has_other_names: bool
    variables: bool
    return_types: tuple[T.Type, ...]


_PLANS: dict[int, _Plan] = {}


def _plan_of(schema: Schema) -> _Plan:
    plan = _PLANS.get(id(schema))
    if plan is None or plan.schema is not schema:
        plan = _make_plan(schema)
        # Functions that users compile come and go; operators stay, and are what has to be fast.
        if schema.name.find("::") > 0:
            _PLANS[id(schema)] = plan
    return plan


def _make_plan(schema: Schema) -> _Plan:
    is_operator = "::" in schema.name
    arguments = schema.arguments
    slots: list[_Slot] = []
    for i, argument in enumerate(arguments):
        is_last = i + 1 == len(arguments) or arguments[i + 1].kwarg_only
        bare = argument.type.element if isinstance(argument.type, T.OptionalType) else argument.type
        varargs: T.Type | None = None
        if is_operator and is_last and not argument.kwarg_only and argument.fixed_size is None:
            if isinstance(bare, T.ListType) and not has_variables(bare) and bare.element != T.ANY:
                varargs = bare.element
        default = None
        if argument.has_default:
            default = Binding(argument, None, Conversion.DEFAULT, argument.type)
        others = _OTHER_NAMES.get(argument.name, ()) if is_operator else ()
        slots.append(
            _Slot(
                argument,
                argument.name,
                argument.type,
                argument.kwarg_only,
                default,
                has_variables(argument.type),
                varargs,
                others,
            )
        )
    return _Plan(
        schema,
        tuple(slots),
        sum(1 for a in arguments if not a.has_default),
        sum(1 for a in arguments if not a.kwarg_only),
        any(s.takes_varargs is not None for s in slots),
        any(s.other_names for s in slots),
        any(s.variables for s in slots),
        tuple(r.type for r in schema.returns),
    )


def match(
    schema: Schema,
    positional: Sequence[Any],
    named: Mapping[str, Any] | None = None,
    *,
    conversions: bool,
    allow_number_to_tensor: bool = False,
) -> Matched | str:
    """Match one schema; a short sentence where it does not take the arguments.

    >>> from types import SimpleNamespace as Value
    >>> from torchscript.schema import parse_schema
    >>> view = parse_schema("aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)")
    >>> x, n = Value(type=T.TENSOR), Value(type=T.INT)
    >>> match(view, [x, n, n], {}, conversions=True).bindings[1].conversion
    <Conversion.VARARGS_TO_LIST: 'varargs to list'>
    >>> match(view, [x], {}, conversions=True)
    "argument 'size' is missing"
    """
    limit = Level.EXACT
    if allow_number_to_tensor:
        limit = Level.TO_TENSOR
    elif conversions:
        limit = Level.WIDENING
    found = _bind(_plan_of(schema), positional, named or {}, limit)
    return found if isinstance(found, Matched) else str(found)


def match_overloads(
    schemas: Sequence[Schema],
    positional: Sequence[Any],
    named: Mapping[str, Any] | None = None,
    *,
    where: SourceRange | None = None,
    display_name: str | None = None,
) -> Matched:
    """The overload that takes the arguments with the least conversion. SchemaMatchError where none does."""
    named = named or {}
    best: Matched | None = None
    limit = Level.TO_TENSOR
    for schema in schemas:
        found = _bind(_plan_of(schema), positional, named, limit)
        if isinstance(found, Matched):
            if found.level == Level.EXACT:
                return found
            best, limit = found, Level(found.level - 1)
    if best is not None:
        return best
    refusals = [(schema, _bind(_plan_of(schema), positional, named, Level.TO_TENSOR)) for schema in schemas]
    name = display_name or (schemas[0].name if schemas else "?")
    raise SchemaMatchError(
        describe_failure(
            name,
            positional,
            named,
            [(schema, found) for schema, found in refusals if isinstance(found, Refusal)],
        ),
        where,
    )


def _bind(
    plan: _Plan, positional: Sequence[Any], named: Mapping[str, Any], limit: Level
) -> Matched | Refusal:
    """Bind every argument at a level no worse than `limit`, or say why that cannot be."""
    given = len(positional)
    if given > plan.max_positional and not plan.takes_varargs and not plan.schema.is_vararg:
        return Refusal("too many", plan.max_positional, given)
    if named and plan.has_other_names:
        named = _own_names(plan, named)
    if given + len(named) < plan.required:
        for i, slot in enumerate(plan.slots):
            if slot.default is None and (slot.kwarg_only or i >= given) and slot.name not in named:
                return Refusal("missing", slot.name)
    level = Level.EXACT
    bindings: list[Binding] = []
    env: Bindings | None = {} if plan.variables else None
    used, used_named = 0, 0
    for slot in plan.slots:
        if used < given and not slot.kwarg_only:
            if named and slot.name in named:
                return Refusal("twice", slot.name)
            actual = positional[used]
            if slot.takes_varargs is not None:
                if given - used > 1 or not _is_listlike(actual.type, slot.type):
                    found = _bind_varargs(slot, positional[used:], limit)
                    if found is not None:
                        if isinstance(found, Refusal):
                            return found
                        binding, reached = found
                        bindings.append(binding)
                        level = max(level, reached)
                        used = given
                        continue
            used += 1
        elif slot.name in named:
            actual = named[slot.name]
            used_named += 1
        elif slot.default is not None:
            bindings.append(slot.default)
            continue
        else:
            return Refusal("missing", slot.name)
        if slot.variables:
            assert env is not None
            formal: T.Type | Refusal = _bound_type(slot, actual.type, env)
            if isinstance(formal, Refusal):
                return formal
        else:
            formal = slot.type
        how = fit(formal, actual.type, slot.argument.fixed_size)
        if how is None or how.level > limit:
            return Refusal("type", slot.name, actual.type, formal)
        if how is EXACT:
            bindings.append(Binding(slot.argument, actual, Conversion.NONE, formal))
        else:
            level = max(level, how.level)
            bindings.append(Binding(slot.argument, actual, how.conversion, formal, how.elements))
    if used < given and not plan.schema.is_vararg:
        return Refusal("too many", plan.max_positional, given)
    if used_named < len(named):
        names = {slot.name for slot in plan.slots}
        return Refusal("unknown", next(n for n in named if n not in names))
    return_types = plan.return_types
    if env is not None:
        bindings = [_settle(b, env) for b in bindings]
        return_types = tuple(substitute(t, env) for t in return_types)
    return Matched(plan.schema, tuple(bindings), return_types, level, tuple(positional[used:]))


def _own_names(plan: _Plan, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keywords under the names of the schema: `input` is `self`, `axis` is `dim`."""
    names = {slot.name for slot in plan.slots}
    if all(name in names for name in named):
        return named
    renamed = dict(named)
    for slot in plan.slots:
        if slot.name not in renamed:
            for other in slot.other_names:
                if other in renamed and other not in names:
                    renamed[slot.name] = renamed.pop(other)
                    break
    return renamed


def _is_listlike(actual: T.Type, formal: T.Type) -> bool:
    if isinstance(actual, T.OptionalType):
        actual = actual.element
    return isinstance(actual, T.ListType | T.TupleType | T.NoneType)


def _bind_varargs(
    slot: _Slot, actuals: Sequence[Any], limit: Level
) -> tuple[Binding, Level] | Refusal | None:
    """`x.view(2, 3)`: the positional arguments left make one list. None where they are no elements."""
    element = slot.takes_varargs
    assert element is not None
    level = Level.EXACT
    conversions: list[Conversion] = []
    for actual in actuals:
        how = None if isinstance(actual.type, T.IntCodeType) else fit(element, actual.type, None)
        if how is None or how.level > limit:  # `x.view(torch.int32)` is no shape
            if len(actuals) == 1 or _is_listlike(actual.type, slot.type):
                return None
            return Refusal("type", slot.name, actual.type, element)
        level = max(level, how.level)
        conversions.append(how.conversion)
    plain = all(c is Conversion.NONE for c in conversions)
    bare = slot.type.element if isinstance(slot.type, T.OptionalType) else slot.type
    binding = Binding(
        slot.argument,
        tuple(actuals),
        Conversion.VARARGS_TO_LIST,
        bare,
        None if plain else tuple(conversions),
    )
    return binding, level


def _bound_type(slot: _Slot, actual: T.Type, env: Bindings) -> T.Type | Refusal:
    """The argument's type with its variables bound to fit `actual`."""
    why = bind(slot.type, actual, env)
    if why is not None:
        known = env.get(slot.type.variable) if isinstance(slot.type, T.TypeVariable) else None
        if known is not None:
            return Refusal("type", slot.name, actual, known)
        return Refusal("variable", slot.name, actual, slot.type, why)
    return substitute(slot.type, env)


def _settle(binding: Binding, env: Bindings) -> Binding:
    """A binding once all variables are known: an empty list learns its element type from a later argument."""
    if not has_variables(binding.argument.type):
        return binding
    type = substitute(binding.argument.type, env)
    if binding.type == type:
        return binding
    conversion = binding.conversion
    if binding.actual is not None and conversion is Conversion.NONE:
        conversion = Conversion.RESOLVE_PENDING
    return Binding(binding.argument, binding.actual, conversion, type, binding.elements)
