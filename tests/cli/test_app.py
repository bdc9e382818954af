"""The program as such: help, wrong usage, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from torchscript_cli import app

from .support import Command


@pytest.mark.parametrize("name", app.command_names())
def test_every_command_has_help_that_says_what_it_does(run: Command, name: str) -> None:
    shown = run.ok(name, "--help").out
    assert f"Usage: torchscript {name}" in shown
    assert len(shown.splitlines()) > 8


def test_help_lists_every_command(run: Command) -> None:
    shown = run.ok().out
    for name in app.command_names():
        assert f" {name} " in shown


def test_a_mistyped_command_is_answered_with_one_that_is_alike(run: Command) -> None:
    result = run("cod", "x.pt")
    assert (result.code, result.out) == (2, "")
    assert result.err == "torchscript: No such command 'cod'. Did you mean 'code'?\n"


def test_a_missing_file_is_one_line_and_exit_code_2(run: Command) -> None:
    result = run("code", "absent.pt")
    assert (result.code, result.err) == (2, "torchscript: there is no file 'absent.pt'\n")


def test_errors_are_json_too(run: Command) -> None:
    result = run("code", "absent.pt", "--json")
    assert result.code == 2
    assert result.json == {"error": "there is no file 'absent.pt'"}


def test_a_traceback_can_be_asked_for(run: Command) -> None:
    result = run("--traceback", "code", "absent.pt")
    assert "Traceback" in result.err
    assert result.err.endswith("torchscript: there is no file 'absent.pt'\n")


def test_a_defect_of_the_program_is_one_line_with_its_kind(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchscript.archive import reader

    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError("boom")

    monkeypatch.setattr(reader, "read_archive", broken)
    result = run("code", "x.pt")
    assert result.code == 2
    assert result.err == "torchscript: KeyError: 'boom' (TORCHSCRIPT_TRACEBACK=1 shows where)\n"


def test_help_fills_the_lines_of_the_terminal(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    lines = run.ok("run", "--help").out.splitlines()
    start = next(i for i, line in enumerate(lines) if "An INPUT is" in line)
    assert all(60 < len(line.rstrip()) <= 80 for line in lines[start : start + 3])


def _in_a_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    call = f"{sys.executable} -c 'from torchscript_cli import run; run()'"
    script = f'torchscript() {{ {call} "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", script], env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_closed_and_full_outputs() -> None:
    """One line on standard error, or nothing; never a traceback."""
    full = _in_a_shell(
        "torchscript passes --list --json > /dev/full; echo $?; torchscript --help >&-; echo $?"
    )
    assert full.stdout == "2\n0\n"
    assert full.stderr == "torchscript: No space left on device\n"


def test_a_pipe_that_is_closed_is_no_error() -> None:
    done = _in_a_shell("torchscript --help | head -1")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.8, 1.6, 3.2])
def test_control_c_is_quiet(seconds: float) -> None:
    """Whenever it comes: while torch is imported, and after that."""
    given = [sys.executable, "-c", "from torchscript_cli import run; print(flush=True); run()", "passes", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def as_at_a_terminal() -> None:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # a suite in the background would hand down that it is ignored

    with subprocess.Popen(
        given, preexec_fn=as_at_a_terminal, **pipes
    ) as running:  # it waits for a graph on standard input
        try:
            running.stdout.read(1)
            time.sleep(seconds)
            running.send_signal(signal.SIGINT)
            running.wait(60)
            assert (running.returncode, running.stderr.read()) == (130, b"")
        finally:
            running.kill()


def test_errors_that_list_reasons_and_numbers_that_are_none() -> None:
    from torchscript.codegen.cpp import NativeError

    assert app.one_line(NativeError("it cannot be compiled:\n- no sets\n- no files")) == (
        "it cannot be compiled: no sets; no files"
    )


_LIGHT = """
import sys
from torchscript_cli.app import main
given = {given!r}
code = 0
try:
    code = main(given)
except SystemExit as left:  # completion leaves so
    code = left.code or 0
heavy = {{"torch", "torchscript", "numpy"}} & set(sys.modules)
assert not heavy, heavy
assert code == {code}, code
"""


@pytest.mark.parametrize(
    "given, code, environment",
    [
        (["--help"], 0, {}),
        (["--version"], 0, {}),
        (["export", "--help"], 0, {}),
        (["inof", "x.pt"], 2, {}),
        (["info", "--dept", "3"], 2, {}),
        (
            [],
            0,
            {"_TORCHSCRIPT_COMPLETE": "complete_bash", "COMP_WORDS": "torchscript in", "COMP_CWORD": "1"},
        ),
    ],
    ids=["help", "version", "help of a command", "a wrong command", "a wrong option", "completion"],
)
def test_help_and_completion_do_not_import_torch(
    given: list[str], code: int, environment: dict[str, str]
) -> None:
    """Which takes seconds; each command imports it when it runs."""
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT.format(given=given, code=code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if environment:
        assert done.stdout == "info\n"


def test_the_cache_shows_its_limit_and_last_uses_and_is_cleared(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHSCRIPT_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "20 MB")
    assert run.ok("cache").out == f"{tmp_path}: 0 entries, 0 bytes (limit 20.0 MB, 30 days without use)\n"
    (tmp_path / "program-1").mkdir()
    (tmp_path / "program-1" / "program.so").write_bytes(b"x" * 10)
    (tmp_path / "of somebody else").write_text("stays")
    out = run.ok("cache").out
    assert "1 entry, 10 bytes" in out and "used 20" in out
    told = run.ok("cache", "--json").json
    assert (told["limit"], told["days"], told["entries"][0]["bytes"]) == (20_000_000, 30, 10)
    assert run.ok("cache", "--clear").out == f"{tmp_path}: deleted 10 bytes\n"
    assert [path.name for path in tmp_path.iterdir()] == ["of somebody else"]
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "a lot")
    assert run("cache").code == 2
