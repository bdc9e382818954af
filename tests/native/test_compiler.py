"""Which C++ compiler is used, and with what flags."""

import re
import stat

import pytest

from torchscript.native.compiler import CompilerError, find_compiler


@pytest.fixture
def found():
    """`find_compiler` without what it remembers."""
    find_compiler.cache_clear()
    yield find_compiler
    find_compiler.cache_clear()


def program(path, version):
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_a_compiler_the_error_says_what_to_do(found, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CompilerError, match="Install g\\+\\+ or clang\\+\\+"):
        found()
    for name in ("nowhere++", "nowhere++ -m64", " ", "'g++"):
        monkeypatch.setenv("CXX", name)
        with pytest.raises(CompilerError, match=re.escape(f"{name} not found")):
            found()


def test_the_compiler_may_be_a_command_with_arguments(found, monkeypatch, tmp_path):
    path = program(tmp_path / "wrapper", "g++ 12")
    monkeypatch.setenv("CXX", f"{path} g++")
    assert found().command == (path, "g++")
    assert found().version == "g++ 12"


@pytest.mark.parametrize(
    "version, has_openmp", [("g++ (Debian) 12.2.0", True), ("Debian clang version 14.0.6", False)]
)
def test_the_flags_of_each_compiler(found, monkeypatch, tmp_path, version, has_openmp):
    monkeypatch.setenv("CXX", program(tmp_path / "compiler", version))
    assert ("-fopenmp" in found().flags) == has_openmp


def test_further_flags_are_part_of_what_a_library_is_cached_by(found, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", program(tmp_path / "compiler", "g++ 12"))
    plain = found()
    find_compiler.cache_clear()
    monkeypatch.setenv("TORCHSCRIPT_CXXFLAGS", "-fsanitize=thread -g")
    other = found()
    assert other.flags[-2:] == other.link[-2:] == ("-fsanitize=thread", "-g")
    assert other.key != plain.key
