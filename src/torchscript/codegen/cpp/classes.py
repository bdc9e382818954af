"""Classes and enums of a program as structs."""

from __future__ import annotations

from ... import types as T
from .names import quoted
from .problems import Problem
from .types import declaration, field
from .unit import Unit


def attributes_of(unit: Unit, cls: T.ClassType) -> list[tuple[str, T.Type]]:
    """The attributes that the struct has: those that the program uses, all of them for a script class."""
    used = unit.fields.get(cls, set())
    return [(name, a.type) for name, a in cls.attributes.items() if not cls.is_module or name in used]


def write_class(unit: Unit, cls: T.ClassType) -> str:
    """`struct C_Net : ts::Object { Tensor a_weight; … };`"""
    name = unit.types.struct(cls)
    attributes = attributes_of(unit, cls)
    lines = [f"struct {name} : ts::Object {{"]
    spelled = [(field(a), unit.types.of(t)) for a, t in attributes]
    lines += [f"  {declaration(s, a)}" for a, s in spelled]
    if not cls.is_module:
        boxed = ", ".join(f"to_ivalue<{s}>({a})" for a, s in spelled)
        lines.append(
            "  c10::IValue to_fields() const { return c10::ivalue::Tuple::create(std::vector<c10::IValue>{"
            + boxed
            + "}); }"
        )
        lines.append(f"  static Ref<{name}> from_fields(const c10::IValue& value) {{")
        lines.append(f"    auto made = Ref<{name}>::make();")
        if spelled:
            lines.append("    const auto& fields = value.toTupleRef().elements();")
        lines += [f"    made->{a} = from_ivalue<{s}>(fields.at({i}));" for i, (a, s) in enumerate(spelled)]
        lines.append("    return made;\n  }")
    lines.append("};")
    return "\n".join(lines)


def write_enum(unit: Unit, type: T.EnumType) -> str:
    """`struct E_Color { static Str name(int); static int64_t value(int); };`"""
    name = unit.types.enum(type)
    value = unit.types.of(type.value_type)
    names = ", ".join(quoted(n) for n, _ in type.members)
    if isinstance(type.value_type, T.StringType):
        values = ", ".join(f"Str({quoted(v)})" for _, v in type.members)
    elif isinstance(type.value_type, T.IntType | T.FloatType):
        values = ", ".join(unit.literals.write(v, type.value_type) for _, v in type.members)
    else:
        raise Problem(f"the enum '{type.qualified_name}' has values of type '{type.value_type.annotation()}'")
    return "\n".join([
        f"struct {name} {{",
        f"  static Str name(int i) {{ static const Str all[] = {{{names}}}; return all[i]; }}",
        f"  static {value} value(int i) {{ static const {value} all[] = {{{values}}}; return all[i]; }}",
        "};",
    ])  # fmt: skip
