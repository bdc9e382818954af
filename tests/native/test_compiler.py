"""Which C++ compiler is used, and with what flags."""

import os
import re
import shutil
import stat
import subprocess

import pytest
import torch

import torchscript
from torchscript.native import build, cache
from torchscript.native.compiler import CompilerError, find_compiler
from torchscript_cli.app import main


@pytest.fixture
def found():
    """`find_compiler` without what it remembers."""
    find_compiler.cache_clear()
    yield find_compiler
    find_compiler.cache_clear()


def program(path, version, otherwise=":"):
    """A compiler that says its version, and does something else when it is to compile."""
    path.write_text(f"""#!/bin/sh\ncase "$*" in *--version) echo '{version}';; *) {otherwise};; esac\n""")
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


def test_arguments_of_the_compiler_are_part_of_what_a_library_is_cached_by(found, monkeypatch, tmp_path):
    path = program(tmp_path / "compiler", "g++ 12")
    keys = set()
    for command in (path, f"{path} -O0", f"{path} -O1"):
        monkeypatch.setenv("CXX", command)
        find_compiler.cache_clear()
        keys.add(found().key)
    assert len(keys) == 3


BROKEN = {
    "#!/bin/sh\nexit 1": "compiler does not work: asked for its --version, it ended with exit code 1 and no message",
    "#!/bin/sh\necho license expired >&2; exit 3": "it ended with exit code 3: license expired. Install g++",
    "#!/bin/sh\nkill -9 $$": "it was ended by SIGKILL (is there enough memory?)",
    "#!/bin/sh": "it ended with exit code 0 and no message",
    "\0garbage": "compiler cannot be run (Exec format error). Install g++",
    "#!/nowhere/sh": "compiler cannot be run (No such file or directory). Install g++",
}
FAILING = {
    "exit 1": "compiler failed on the runtime's headers: it ended with exit code 1 and no message",
    "echo unknown option -std=c++20 >&2; exit 4": "failed on the runtime's headers: unknown option -std=c++20",
    "echo 'note: x\nx.h:1: error: y\nx.h:2: error: z' >&2; exit 1": "headers: x.h:1: error: y\nx.h:2: error: z",
    "kill -9 $$": "headers: it was ended by SIGKILL",
    "echo 'ld: final link failed: No space\ncollect2: error: ld returned 1' >&2; exit 1": "headers: ld: final link failed",
}


@pytest.fixture
def module(found, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHSCRIPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_kept", {})
    monkeypatch.setenv("CXX", str(tmp_path / "compiler"))
    return torchscript.script(torch.nn.Linear(2, 3))


@pytest.mark.parametrize("text, message", BROKEN.items())
def test_a_compiler_that_does_not_run_is_a_clear_error(module, tmp_path, text, message):
    path = tmp_path / "compiler"
    path.write_text(text)
    path.chmod(0o755)
    with pytest.raises(CompilerError, match=re.escape(message)):
        torchscript.compile(module)


@pytest.mark.parametrize("otherwise, message", FAILING.items())
def test_what_the_compiler_said_is_in_the_error(module, tmp_path, otherwise, message):
    program(tmp_path / "compiler", "g++ 12", otherwise)
    with pytest.raises(CompilerError, match=re.escape(message)):
        torchscript.compile(module)
    assert module(torch.ones(1, 2)).shape == (1, 3)  # runs in Python as before
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert left == [], "what was half made is gone"


@pytest.mark.parametrize(
    "arguments", [["compile", "{}", "-o", "{}.native"], ["run", "{}", "1x2", "--native"]]
)
def test_commands_say_in_a_line_what_the_compiler_said(module, tmp_path, capsys, arguments):
    program(tmp_path / "compiler", "g++ 12", "echo 'cc1plus: error: no space' >&2; exit 1")
    archive = tmp_path / "linear.pt"
    torchscript.save(module, archive)
    assert main([a.format(archive) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err == "torchscript: compiler failed on the runtime's headers: cc1plus: error: no space\n"
    assert captured.out == "" and not (tmp_path / "linear.pt.native").exists()


HEADER = """#pragma once
#include <vector>
inline int many() { return (int)std::vector<int>(7).size(); }
"""


@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_each_compiler_uses_its_precompiled_header_from_where_it_is_at_last(
    found, monkeypatch, tmp_path, name
):
    """A small header in place of the runtime's. The directory moved after it was compiled, and its time is another."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    include, runtime = tmp_path / "include", tmp_path / "runtime"
    (include / "torchscript").mkdir(parents=True)
    runtime.mkdir()
    header = include / build.PROGRAM
    header.write_text(HEADER)
    (include / build.KERNELS).write_text("#pragma once\n")
    (runtime / "some.cpp").write_text("int twice(int n) { return n * many() / 7 * 2; }\n")
    (runtime / "register.cpp").write_text("int registered() { return 1; }\n")
    monkeypatch.setattr(build, "INCLUDE", include)
    monkeypatch.setattr(build, "RUNTIME", runtime)
    monkeypatch.setattr(cache, "_kept", {})
    monkeypatch.setenv("TORCHSCRIPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", name)
    compiler = found()
    tools = build.toolchain(compiler)
    os.utime(header, (1e9, 1e9))  # the package was installed again
    source = tmp_path / "program.cpp"
    source.write_text('int twice(int);\nextern "C" int main() { return twice(many()); }\n')
    build.compile_program(compiler, tools, [source], tmp_path / "program.so")
    assert (tmp_path / "program.so").exists()
