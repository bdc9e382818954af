"""Damage inside a pickle: other instructions, numbers and names, and nesting without end."""

from __future__ import annotations

import pickletools
import random
import struct

_INTS = (0, 1, -1, 2, 255, 65536, 1 << 31, 1 << 40, (1 << 62), (1 << 63) - 1, -(1 << 63), 1 << 200)
_FLOATS = (0.0, -0.0, float("inf"), float("nan"), 1e308)
_NAMES = (
    "os system", "builtins eval", "builtins getattr", "posix system", "torch load", "torch.jit load",
    "torch.hub load", "subprocess Popen", "__torch__ M", "__torch__ Missing", "__torch__.torch.classes.a B",
    "torch FloatStorage", "torch QUInt8Storage", "torch BoolStorage", "torch HalfStorage", "torch NoStorage",
    "torch ComplexDoubleStorage", "torch.storage UntypedStorage", "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_qtensor", "torch._utils _rebuild_sparse_tensor",
    "torch._utils _rebuild_parameter", "torch device", "torch per_channel_affine", "torch float8_e4m3fn",
    "torch.jit._pickle build_intlist", "torch.jit._pickle restore_type_tag",
    "torch.jit._pickle build_tensor_from_id", "torch.serialization _get_layout", "builtins complex",
)  # fmt: skip
_INSTRUCTIONS = (
    b"(", b")", b"]", b"}", b"t", b"l", b"d", b"a", b"e", b"s", b"u", b"0", b"1", b"2", b"N", b"\x88", b"\x89",
    b"R", b"b", b"Q", b"\x81", b"\x85", b"\x86", b"\x87", b"\x93", b"\x94", b"h\x00", b"h\x01", b"h\xff",
    b"q\x00", b"K\x05", b"j\xff\xff\xff\xff", b"i", b"o", b"\x92", b"P0\n", b"\x82\x01", b"\x8f", b"\x90",
    b"\x8b\xff\xff\xff\x7f", b"X\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 8, b"\x97", b"I1\n",
    b"\x95" + b"\xff" * 8, b"\x80\x09", b"V\\ud800\n", b"S'x'\n", b"F1\n", b"L1L\n", b".",
)  # fmt: skip


def instructions(data: bytes) -> list[bytes]:
    """A pickle as its instructions with their arguments; as one piece where it is no pickle."""
    try:
        places = [place for _, _, place in pickletools.genops(data) if place is not None]
    except Exception:  # whatever pickletools makes of damage
        return [data]
    return [data[a:b] for a, b in zip(places, [*places[1:], len(data)])]


def _number(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return b"G" + struct.pack(">d", chance.choice(_FLOATS))
    value = chance.choice(_INTS)
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def _text(chance: random.Random) -> bytes:
    texts = (
        "",
        "x",
        "storage",
        "0",
        "1",
        "../0",
        "cpu",
        "cuda:99",
        "meta",
        "xpu",
        "a" * 300,
        "\udc80",
        "training",
    )
    encoded = chance.choice(texts).encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _name(chance: random.Random) -> bytes:
    return b"c" + chance.choice(_NAMES).replace(" ", "\n").encode() + b"\n"


def _nested(chance: random.Random) -> bytes:
    """A value that nests deeply, or that is large only when it is walked without care."""
    count = chance.choice((10, 60, 1000, 50_000))
    match chance.randrange(6):
        case 0:
            return b"]" * count + b"a" * (count - 1)
        case 1:
            return b")" + b"\x85" * count
        case 2:  # each tuple holds the one before it twice
            return b")" + b"q\xf0h\xf0\x86" * min(count, 1000)
        case 3:
            return b"]q\xf0h\xf0a"  # a list that holds itself
        case 4:
            return b"(" * count
    return b"}" + b"K\x01}s" * 1 + b"}q\xf1K\x01h\xf1s"


def _gadget(chance: random.Random) -> bytes:
    return _name(chance) + chance.choice((_text(chance) + b"\x85R", b")R", b")\x81}b", b"N\x85R"))


def changed_pickle(data: bytes, chance: random.Random) -> bytes:
    parts = instructions(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(parts))
        match chance.randrange(10):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, parts[chance.randrange(len(parts))])
            case 2:
                parts.insert(at, chance.choice(_INSTRUCTIONS))
            case 3:
                parts[at] = chance.choice(_INSTRUCTIONS)
            case 4:
                other = chance.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
            case 5:
                parts[at] = chance.choice((_nested, _gadget))(chance)
            case 6:
                parts.insert(max(at, 2), chance.choice((_nested, _gadget))(chance) + b"0")
            case _:  # a value of the same kind
                _replace_value(parts, chance)
        if not parts:
            return b"."
    return b"".join(parts)


def _replace_value(parts: list[bytes], chance: random.Random) -> None:
    kinds = {b"KMJ\x8aG": _number, b"XU\x8c": _text, b"c": _name}
    letters, make = chance.choice(list(kinds.items()))
    places = [i for i, part in enumerate(parts) if part[:1] and part[:1] in letters]
    if places:
        parts[chance.choice(places)] = make(chance)
