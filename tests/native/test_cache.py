"""The cache of compiled libraries: bounded in age and size, and never without what somebody uses."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
import types

import pytest

import torchscript
from torchscript.native import cache
from torchscript.native.library import Library

DAY = 24 * 3600


@pytest.fixture
def root(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHSCRIPT_CACHE", str(tmp_path))
    monkeypatch.delenv("TORCHSCRIPT_CACHE_LIMIT", raising=False)
    monkeypatch.setattr(cache, "_kept", {})
    return tmp_path


def filled(size):
    return lambda directory: (directory / "program.so").write_bytes(b"x" * size) and None


def never(directory):
    raise AssertionError("it is there already")


def write(name, size=10):
    with cache.cached(name, filled(size)) as path:
        return path


def age(path, seconds):
    used = time.time() - seconds
    os.utime(path, (used, used))


def names(root):
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def locks(root):
    return sorted(path.name for path in root.glob("*.lock") if path.name != "removal.lock")


def test_an_entry_is_made_once_and_using_it_is_remembered(root):
    path = write("program-1")
    age(path, 5 * DAY)
    with cache.cached("program-1", never) as again:
        assert again == path and (again / "program.so").read_bytes() == b"x" * 10
    assert time.time() - path.stat().st_mtime < DAY
    assert [(e.name, e.size) for e in cache.cached_entries()] == [("program-1", 10)]


def test_what_nobody_used_for_thirty_days_goes_with_its_lock(root):
    for name, days in [("program-1", 31), ("program-2", 29), ("toolchain-1", 40)]:
        age(write(name), days * DAY)
    write("program-3")
    assert names(root) == ["program-2", "program-3"]
    assert locks(root) == ["program-2.lock", "program-3.lock"]


def test_the_least_recently_used_go_when_the_limit_is_passed(root, monkeypatch):
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "1 kB")
    for number in range(4):
        age(write(f"program-{number}", 300), DAY - number * 60)
    assert names(root) == ["program-1", "program-2", "program-3"]
    with cache.cached("program-1", never):
        pass
    write("program-4", 300)
    assert names(root) == ["program-1", "program-3", "program-4"]


def test_what_was_just_written_stays_though_it_alone_exceeds_the_limit(root, monkeypatch):
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "100")
    write("program-1", 50)
    path = write("program-2", 5000)
    assert names(root) == ["program-2"]
    assert (path / "program.so").exists()


@pytest.mark.parametrize("text, limit", [
    ("", 5 * 10**9), ("none", None), ("0", 0), ("700", 700), ("2GB", 2 * 10**9), (" 1.5 kb ", 1500), ("3T", 3 * 10**12),
])  # fmt: skip
def test_the_limit_as_users_write_it(root, monkeypatch, text, limit):
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", text)
    assert cache.cache_limit() == limit


def test_a_limit_that_is_no_size_is_an_error_before_anything_is_compiled(root, monkeypatch):
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "much")
    with pytest.raises(
        torchscript.CompilerError, match="TORCHSCRIPT_CACHE_LIMIT is 'much': a size like '5 GB'"
    ):
        write("program-1")
    assert names(root) == []


def test_what_is_in_use_here_stays(root, monkeypatch):
    monkeypatch.setenv("TORCHSCRIPT_CACHE_LIMIT", "0")
    kept = cache.kept("toolchain-1", filled(10))
    age(kept, 90 * DAY)
    with cache.cached("program-1", filled(10)) as used:
        age(used, 90 * DAY)
        write("program-2")
        assert names(root) == ["program-1", "program-2", "toolchain-1"]
        freed, left = cache.clear_cache()
        assert freed == 10 and {e.name for e in left} == {"program-1", "toolchain-1"}
    write("program-3")
    assert names(root) == ["program-3", "toolchain-1"]


USER = """
import sys
from torchscript.native import cache
with cache.cached("program-1", lambda directory: (directory / "program.so").write_bytes(b"x" * 10)):
    print("in use", flush=True)
    sys.stdin.readline()
"""


def test_what_another_process_uses_stays_until_it_ends_even_killed(root):
    user = subprocess.Popen(
        [sys.executable, "-c", USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout.readline() == "in use\n"
    age(root / "program-1", 90 * DAY)
    write("program-2")
    assert cache.clear_cache()[1][0].name == "program-1"
    user.kill()
    user.communicate()
    write("program-3")
    assert names(root) == ["program-3"]


def test_what_a_killed_process_left_goes_when_anything_is_built(root):
    def half_built(name):
        left = root / f".{name}-x1y2z3_a"
        left.mkdir()
        (left / "program.o").write_bytes(b"12345")

    for name in ("program-0a", "program-0b", "toolchain-0c"):
        half_built(name)
    (root / "notes.txt").write_text("kept")
    (root / "program-0d.lock").touch()
    with cache._locked(root, "toolchain-0c", cache.fcntl.LOCK_EX):
        write("program-0a")
        assert names(root) == [".toolchain-0c-x1y2z3_a", "program-0a"]
        assert locks(root) == ["program-0a.lock", "toolchain-0c.lock"]
    assert cache.clear_cache() == (15, [])
    assert names(root) == [] and locks(root) == [] and (root / "notes.txt").exists()


def _compete(number, directory, made):
    os.environ["TORCHSCRIPT_CACHE"] = directory
    os.environ["TORCHSCRIPT_CACHE_LIMIT"] = "25"

    def make(target):
        (target / "program.so").write_bytes(b"x" * 10)
        made.value += 1

    for step in range(60):
        with cache.cached(f"program-{(number + step) % 5}", make) as path:
            assert (path / "program.so").read_bytes() == b"x" * 10
        if step % 20 == number:
            cache.clear_cache()


def test_processes_that_write_use_and_remove_at_once(root):
    """Room for two entries of five: all the time somebody removes what another is about to use."""
    context = multiprocessing.get_context("fork")
    made = context.Value("i", 0)
    processes = [context.Process(target=_compete, args=(number, str(root), made)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert made.value > 5
    assert len(names(root)) <= 3


def test_a_lock_of_a_removed_entry_is_not_mistaken_for_the_new_one(root):
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(cache._locked(root, "program-1", cache.fcntl.LOCK_EX))
        (root / "program-1.lock").unlink()
        assert stack.enter_context(
            cache._locked(root, "program-1", cache.fcntl.LOCK_EX | cache.fcntl.LOCK_NB)
        )
        assert not stack.enter_context(
            cache._locked(root, "program-1", cache.fcntl.LOCK_EX | cache.fcntl.LOCK_NB)
        )


def test_a_cache_that_cannot_be_written_is_a_clear_error(root, monkeypatch):
    (root / "file").touch()
    monkeypatch.setenv("TORCHSCRIPT_CACHE", str(root / "file" / "cache"))
    with pytest.raises(torchscript.CompilerError, match=r"Name another directory in \$TORCHSCRIPT_CACHE"):
        write("program-1")


@pytest.mark.parametrize("damage", [
    lambda entry: (entry / "program.so").write_bytes(b"xxx"),
    lambda entry: (entry / "program.so").unlink(),
    lambda entry: (entry / "contents").write_bytes(b""),
    lambda entry: (entry / "contents").write_bytes(b"\xff\0\0"),
], ids=["cut", "lost", "no sizes", "garbage for sizes"])  # fmt: skip
def test_a_damaged_entry_is_made_again(root, damage):
    with cache.cached("program-1", filled(10)) as entry:
        pass
    damage(entry)
    with cache.cached("program-1", filled(10)) as again:
        assert (again / "program.so").read_bytes() == b"x" * 10
    with cache.cached("program-1", never):
        assert names(root) == ["program-1"]


def test_an_entry_of_an_earlier_version_is_used(root):
    (root / "program-1").mkdir()
    with cache.cached("program-1", never) as entry:
        assert entry.is_dir()


def test_a_library_that_cannot_be_loaded_is_a_clear_error(root):
    (root / "program.so").write_bytes(b"no library")
    program = types.SimpleNamespace(exceptions={})
    with pytest.raises(torchscript.BackendError, match=r"cannot be loaded: .*program.so: .*cache --clear"):
        Library(root / "program.so", program)


def test_the_users_directory_may_be_meant(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("TORCHSCRIPT_CACHE", "~/kept")
    assert write("program-1") == root / "kept/program-1"


def test_entries_can_be_read_by_those_who_can_read_the_cache(root):
    before = os.umask(0o022)
    try:
        assert write("program-1").stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_nothing_is_said_to_be_deleted_where_nothing_can_be(root, monkeypatch):
    write("program-1")
    monkeypatch.setattr(cache.os, "access", lambda path, mode: False)
    with pytest.raises(torchscript.CompilerError, match="cannot be written: nothing was deleted"):
        cache.clear_cache()


def test_without_locks_entries_are_made_and_used_and_nothing_is_removed(root, monkeypatch):
    def no_locks(descriptor, mode):
        raise OSError(cache.errno.ENOLCK, "No locks available")

    age(write("program-1"), 90 * DAY)
    monkeypatch.setattr(cache.fcntl, "flock", no_locks)
    write("program-2")
    with cache.cached("program-1", never):
        pass
    assert cache.clear_cache()[0] == 0
    assert names(root) == ["program-1", "program-2"]


def test_the_library_is_imported_where_there_are_no_locks() -> None:
    """Programs run in Python there; only native code needs the cache."""
    program = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import torch, torchscript\n"
        "f = torchscript.script(torch.nn.Linear(2, 2))\n"
        "assert f(torch.ones(1, 2)).shape == (1, 2)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
