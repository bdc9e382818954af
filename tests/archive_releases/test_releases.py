"""Every archive that an old PyTorch wrote loads, gives what it gave there, and is saved for the PyTorch of today."""

from __future__ import annotations

import io
import json
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import torchscript as jit

ARCHIVES = Path(__file__).parent / "archives.tar.xz"
RELEASES = ("1.0.1", "1.1.0", "1.2.0", "1.3.1", "1.4.0", "1.5.1", "1.6.0", "1.8.1", "1.10.2", "1.12.1")

# What an archive of version 3 and more cannot tell from one of today, which PyTorch too reads as today's: `//` of
# tensors was cut and random integers were floats until 1.12; masks might be bytes until 2.0; 1.6 kept the dtype of
# integers in remainders.
_UNTIL_1_12 = {"floor_division", "mask_bytes", "randoms", "randoms_between"}
UNTOLD = {
    "1.6.0": {*_UNTIL_1_12, "two_remainder", "two_fmod", "in_place_remainder", "in_place_fmod"},
    **{release: _UNTIL_1_12 for release in ("1.8.1", "1.10.2", "1.12.1")},
}
SAVED_AGAIN = {
    "script_net", "script_lstm", "meanings_of_operators", "quantised_script", "quantised_lstm", "named_tuples",
    "div_of_ints", "attributes", "hooked", "mobile", "for_mobile",
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def archives() -> dict[str, dict[str, bytes]]:
    """Release → name of a file → its bytes."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(ARCHIVES) as tar:
        for member in tar:
            if member.isfile():
                release, name = member.name.split("/")[-2:]
                found.setdefault(release, {})[name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return found


def decoded(value: dict[str, Any]) -> Any:
    match value:
        case {"tensor": dtype, "shape": shape, "data": data}:
            return torch.tensor(data, dtype=getattr(torch, dtype)).reshape(shape)
        case {"value": plain}:
            return plain
        case {"tuple": items}:
            return tuple(decoded(item) for item in items)
        case {"list": items}:
            return [decoded(item) for item in items]
        case {"dict": pairs}:
            return {decoded(key): decoded(item) for key, item in pairs}
    raise AssertionError(value)


def assert_same(actual: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(actual.detach(), expected, rtol=1e-4, atol=1e-5, equal_nan=True)
    elif isinstance(expected, tuple | list):
        assert isinstance(actual, tuple | list) and len(actual) == len(expected)
        for one, other in zip(actual, expected):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key in expected:
            assert_same(actual[key], expected[key])
    else:
        assert type(actual) is type(expected) and actual == pytest.approx(expected)


def assert_calls(module: Any, record: dict[str, Any], untold: set[str]) -> int:
    """Make the calls that were made then. What then raised may give something today."""
    compared = 0
    for call in record["calls"]:
        if "raises" in call or call["method"] in untold:
            continue
        torch.manual_seed(0)
        with torch.no_grad():
            result = getattr(module, call["method"])(*decoded(call["inputs"]))
        try:
            assert_same(result, decoded(call["output"]))
        except AssertionError as error:
            raise AssertionError(f"{call['method']}{decoded(call['inputs'])}: {error}") from None
        compared += 1
    return compared


def cases(files: dict[str, bytes], untold: set[str]) -> list[tuple[str, bytes, dict[str, Any]]]:
    names = sorted(name for name in files if not name.endswith(".json"))
    return [
        (name, files[name], json.loads(files[f"{name}.json"]))
        for name in names
        if name.partition(".")[0] not in untold
    ]


@pytest.mark.parametrize("release", RELEASES)
def test_archives_of_a_release(archives: dict[str, dict[str, bytes]], release: str) -> None:
    untold = UNTOLD.get(release, set())
    failures: list[str] = []
    compared = 0
    for name, data, record in cases(archives[release], untold):
        try:
            module = jit.load(data)
            shapes = {key: list(tensor.shape) for key, tensor in module.state_dict().items()}
            then = {
                k: v for k, v in record["state"].items() if not k.endswith("training") and "pack" not in k
            }
            assert shapes == {k: v for k, v in then.items() if not k.endswith(".param")}
            compared += assert_calls(module, record, untold)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    assert not failures, "\n".join(failures)
    assert compared >= 18


@pytest.mark.parametrize("release", RELEASES)
def test_saved_again_for_stock_pytorch(archives: dict[str, dict[str, bytes]], release: str) -> None:
    """Archives of 1.0 to 1.2, which PyTorch itself has stopped to read, have a way to it."""
    untold = UNTOLD.get(release, set())
    failures: list[str] = []
    for name, data, record in cases(archives[release], untold):
        if name.partition(".")[0] not in SAVED_AGAIN:
            continue
        try:
            again = jit.load(data).save_to_buffer()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert_calls(torch.jit.load(io.BytesIO(again)), record, untold)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("release", RELEASES)
def test_the_producer_is_told(archives: dict[str, dict[str, bytes]], release: str) -> None:
    from torchscript.archive.reader import read_archive

    expected = {
        "1.0.1": "PyTorch 1.0 to 1.2",
        "1.1.0": "PyTorch 1.0 to 1.2",
        "1.2.0": "PyTorch 1.0 to 1.2",
        "1.3.1": "PyTorch 1.3 or 1.4",
        "1.4.0": "PyTorch 1.3 or 1.4",
        "1.5.1": "PyTorch 1.5",
    }.get(release, "PyTorch 1.6 or later")
    assert read_archive(archives[release]["script_net.pt"]).producer.startswith(expected)


@pytest.mark.parametrize("release", RELEASES)
def test_what_the_command_tells_of_them(archives: dict[str, dict[str, bytes]], release: str) -> None:
    """Without loading; 1.4 wrote defaults in front of arguments without, which Python does not parse."""
    from torchscript.archive.reader import read_archive
    from torchscript_cli.summary import module_tree, operators_used

    for name, data in archives[release].items():
        if not name.endswith(".json"):
            archive = read_archive(data)
            assert operators_used(archive), name
            assert module_tree(archive).class_name


@pytest.mark.parametrize("name", ["for_mobile.ptl", "mobile.ptl"])
def test_byte_code_of_a_release(archives: dict[str, dict[str, bytes]], name: str) -> None:
    """Without the source, as PyTorch's builds for phones need it."""
    files = archives["1.12.1"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files[name])) as old, zipfile.ZipFile(buffer, "w") as new:
        for record in old.namelist():
            if "/code/" not in record:
                new.writestr(record, old.read(record))
    assert assert_calls(jit.load(buffer.getvalue()), json.loads(files[f"{name}.json"]), set()) == 1
