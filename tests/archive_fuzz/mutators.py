"""Ways of damaging an archive. Each takes the archive and a source of chance, and returns bytes.

bytes_        the file as bytes: bits, cuts, splices
words         the offsets, counts and numbers of a FlatBuffer
headers       the fields of the zip file: sizes, offsets, counts, methods, flags
records       right as a zip file, wrong in what it holds: swapped, missing, renamed, huge, damaged
description   values of the description of modules that old archives have
pickles       instructions, numbers, names and nesting of the pickles   (`pickle_mutators.py`)
sources       tokens, lines, expressions and nesting of the code        (`source_mutators.py`)
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from .pickle_mutators import changed_pickle
from .source_mutators import changed_source

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS = (0, 1, 2, 3, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
WIDE_NUMBERS = (*NUMBERS, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


# -- bytes -------------------------------------------------------------------------------------------------


def flipped_bits(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 32))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def piece_moved(data: bytes, chance: random.Random) -> bytes:
    """A piece is removed, repeated, or overwritten by another."""
    length = chance.choice((1, 4, 16, 100, 1000))
    here, there = chance.randrange(len(data)), chance.randrange(len(data))
    piece = data[there : there + length]
    match chance.randrange(3):
        case 0:
            return data[:here] + data[here + length :]
        case 1:
            return data[:here] + piece + data[here:]
    return data[:here] + piece + data[here + length :]


def wrong_words(data: bytes, chance: random.Random) -> bytes:
    """Words, all of which are aligned, become other words, or numbers that are near them or far too large."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        kind = chance.choice("HIII")
        size = struct.calcsize(kind)
        here, there = (chance.randrange(max(1, len(data) // size)) * size for _ in range(2))
        if max(here, there) + size > len(data):
            continue
        (old,), (other,) = (struct.unpack_from(f"<{kind}", data, at) for at in (here, there))
        near = (old + 1, old - 1, old + 4, old - 4, old * 2, len(data) - here, -here)
        new = chance.choice((other, chance.choice(near), chance.choice(NUMBERS)))
        struct.pack_into(f"<{kind}", changed, here, new & ((1 << 8 * size) - 1))
    return bytes(changed)


# -- zip headers -------------------------------------------------------------------------------------------

# Signature → the fields that stand after it: offset and format.
_FIELDS = {
    b"PK\3\4": ((6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H")),
    b"PK\1\2": ((8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (30, "H"), (32, "H"), (42, "I")),
    b"PK\5\6": ((8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H")),
}  # fmt: skip


def wrong_header(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        signature = chance.choice(list(_FIELDS))
        places = [i for i in range(len(data) - 46) if data[i : i + 4] == signature] or [data.rfind(signature)]
        offset, kind = chance.choice(_FIELDS[signature])
        at = chance.choice(places) + offset
        size = struct.calcsize("<" + kind)
        if at < 0 or at + size > len(changed):
            continue
        (old,) = struct.unpack_from("<" + kind, changed, at)
        new = chance.choice((*NUMBERS, old + 1, old - 1, old * 2, len(data), len(data) - old))
        struct.pack_into("<" + kind, changed, at, new & ((1 << 8 * size) - 1))
    return bytes(changed)


def zip64_end(data: bytes, chance: random.Random) -> bytes:
    """The end of the file says that the directory is found in the 64-bit way, with any numbers."""
    end = data.rfind(b"PK\5\6")
    if end < 0 or end + 22 > len(data):
        return data
    _, _, _, _, count, size, offset, _ = struct.unpack_from("<4s4H2LH", data, end)
    numbers = [count, count, size, offset]
    for _ in range(chance.randrange(3)):
        numbers[chance.randrange(4)] = chance.choice(WIDE_NUMBERS)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
    where = end if chance.random() < 0.8 else chance.choice(WIDE_NUMBERS)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, where, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:end] + wide + locator + last


# -- records -----------------------------------------------------------------------------------------------


def unzipped(data: bytes) -> dict[str, bytes] | None:
    """The records of an archive that can still be read, or None."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return {
                entry.filename: file.read(entry)
                for entry in file.infolist()
                if entry.file_size < 1 << 24 and not entry.is_dir()
            }
    except Exception:  # whatever zipfile makes of damage
        return None


def zipped(records: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as file:
        warnings.simplefilter("ignore")  # about names that stand twice
        for name, record in records:
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), record, compression)
    return buffer.getvalue()


def records_moved(data: bytes, chance: random.Random) -> bytes:
    """Contents exchanged, records removed or doubled, names that are no good."""
    found = unzipped(data)
    if not found:
        return data
    records = list(found.items())
    here, there = chance.randrange(len(records)), chance.randrange(len(records))
    (name, content), (other_name, other) = records[here], records[there]
    top = name.partition("/")[0]
    match chance.randrange(6):
        case 0:
            records[here], records[there] = (name, other), (other_name, content)
        case 1:
            del records[here]
        case 2:
            records.append((name, other))
        case 3:
            bad = (
                "../../etc/x",
                "/etc/passwd",
                f"{top}/../../x",
                f"{top}\\x",
                "",
                "x" * 5000,
                f"{top}/\0",
                ".",
            )
            records[here] = (chance.choice(bad), content)
        case 4:
            records[here] = (f"{top}/{chance.choice(_RECORDS)}", content)
        case _:
            chance.shuffle(records)
    return zipped(records, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


_RECORDS = (
    "data.pkl", "constants.pkl", "version", ".data/version", "byteorder", "code/__torch__.py", "data/0",
    "constants/0", "code/__torch__/a/b.py", "code/../x.py", "attributes.pkl", "model.json", "extra/x",
    "traced_inputs.pkl", "bytecode.pkl",
)  # fmt: skip


def odd_compression(data: bytes, chance: random.Random) -> bytes:
    found = unzipped(data)
    if not found:
        return data
    return zipped(list(found.items()), chance.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def grown_record(data: bytes, chance: random.Random) -> bytes:
    """A record that inflates to megabytes: of zeros, of itself, of one letter."""
    found = unzipped(data)
    if not found:
        return data
    name = chance.choice(list(found))
    size = chance.choice((1 << 12, 1 << 16, 1 << 20, 1 << 23))
    unit = chance.choice((b"\0", b"(", b"\n", b" ", b"a", b"x = 1\n", found[name] or b"0"))
    found[name] = (unit * (size // len(unit) + 1))[:size]
    return zipped(list(found.items()), zipfile.ZIP_DEFLATED)


def _in_records(
    suffix: str, change: Callable[[bytes, random.Random], bytes]
) -> Callable[[bytes, random.Random], bytes]:
    """Change the contents of one record whose name ends with `suffix`, and zip all again."""

    def mutator(data: bytes, chance: random.Random) -> bytes:
        found = unzipped(data)
        names = [name for name in found or () if name.endswith(suffix) and found and found[name]]
        if not found or not names:
            return data
        weights = [4 if name.endswith(("data.pkl", "__torch__.py")) else 1 for name in names]
        (name,) = chance.choices(names, weights)
        found[name] = change(found[name], chance)
        return zipped(list(found.items()), zipfile.ZIP_DEFLATED)

    return mutator


def damaged_text(record: bytes, chance: random.Random) -> bytes:
    return chance.choice((flipped_bits, cut_off, piece_moved))(record, chance)


def wrong_number(record: bytes, chance: random.Random) -> bytes:
    numbers = (
        b"",
        b"0",
        b"-1",
        b"99",
        b"1e9",
        b"9" * 5000,
        b"\xff",
        "٣".encode(),
        b"big",
        b"little\0",
        b" 3 \n\n",
    )
    return chance.choice(numbers)


def changed_description(record: bytes, chance: random.Random) -> bytes:
    """A value somewhere in a JSON text becomes another one, or one of another kind."""
    try:
        description = json.loads(record)
    except ValueError:
        return damaged_text(record, chance)
    for _ in range(chance.choice((1, 1, 2, 4))):
        places = list(_places(description))
        if not places:
            break
        owner, key = chance.choice(places)
        _, other = chance.choice(places)
        values = (
            0,
            -1,
            "-1",
            "0",
            "7",
            "9" * 30,
            1 << 62,
            None,
            True,
            [],
            {},
            "",
            "../x",
            "tensors/0",
            "\n",
            1e308,
        )
        match chance.randrange(4):
            case 0:
                del owner[key]
            case 1:
                owner[key] = copy.deepcopy(chance.choice(places)[0])
            case 2 if isinstance(owner, dict):
                owner[str(other)] = owner.pop(key)
            case _:
                owner[key] = chance.choice(values)
    return json.dumps(description).encode()


def _places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every key of every dict, and index of every list."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])  # type: ignore[index]


MUTATORS: dict[str, Mutator] = {
    "flipped bits": flipped_bits,
    "cut off": cut_off,
    "piece moved": piece_moved,
    "wrong words": wrong_words,
    "wrong header": wrong_header,
    "zip64 end": zip64_end,
    "records moved": records_moved,
    "odd compression": odd_compression,
    "grown record": grown_record,
    "damaged record": _in_records("", damaged_text),
    "wrong version": _in_records("version", wrong_number),
    "wrong byte order": _in_records("byteorder", wrong_number),
    "description": _in_records("model.json", changed_description),
    "pickle": _in_records(".pkl", changed_pickle),
    "source": _in_records(".py", changed_source),
}
_WEIGHTS_OF_ZIPS = dict.fromkeys(MUTATORS, 1) | {
    "pickle": 24,
    "source": 40,
    "wrong header": 8,
    "records moved": 6,
    "damaged record": 6,
    "flipped bits": 4,
    "description": 8,
}


# What a FlatBuffer can suffer, which has no records.
_WEIGHTS_OF_FLATBUFFERS = {"wrong words": 12, "flipped bits": 4, "cut off": 1, "piece moved": 2}


def mutated(data: bytes, chance: random.Random) -> tuple[bytes, list[str]]:
    """The archive after one to three mutations, and their names."""
    weights = _WEIGHTS_OF_FLATBUFFERS if data[4:8] == b"PTMF" else _WEIGHTS_OF_ZIPS
    names = chance.choices(list(weights), list(weights.values()), k=chance.choice((1, 1, 1, 2, 3)))
    for name in names:
        data = MUTATORS[name](data, chance) or b"\0"
    return data, names
