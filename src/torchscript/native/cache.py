"""The directory of what was compiled on this machine: each entry is made once, and goes when it is old or space is short.

    <cache>/program-<key>/       an entry, with the sizes of its files in `contents`; modified when it was used last
    <cache>/program-<key>.lock   shared by those who use the entry, exclusive to who makes or removes it
    <cache>/.program-<key>-…/    an entry being made or removed, or left so by a process that was killed

Whoever writes an entry removes those that nobody used for 30 days, then the least recently used until all
together are within `$TORCHSCRIPT_CACHE_LIMIT` (5 GB). What somebody uses is never removed.

The locks are flock's. filelock's exclusive locks cannot be shared among users, and its ReadWriteLock is a database for each
entry, of which nobody can tell whether it is still the one at its path: it could not go with its entry.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from .compiler import CompilerError

DIRECTORY_VARIABLE = "TORCHSCRIPT_CACHE"
LIMIT_VARIABLE = "TORCHSCRIPT_CACHE_LIMIT"
DEFAULT_LIMIT = 5 * 1000**3
DAYS = 30
"""After how many days without use an entry goes."""

_CONTENTS = "contents"
_KINDS = ("program-", "toolchain-")
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def cache_directory() -> Path:
    """`$TORCHSCRIPT_CACHE`, or the user's cache directory."""
    given = os.environ.get(DIRECTORY_VARIABLE)
    return Path(given).expanduser() if given else platformdirs.user_cache_path("torchscript")


def cache_limit() -> int | None:
    """`$TORCHSCRIPT_CACHE_LIMIT` in bytes, None where that is "none".

    >>> os.environ[LIMIT_VARIABLE] = "1.5 GB"
    >>> cache_limit()
    1500000000
    >>> del os.environ[LIMIT_VARIABLE]
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip().lower()
    if not text:
        return DEFAULT_LIMIT
    if text == "none":
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text)
    if match is None:
        raise CompilerError(
            f"{LIMIT_VARIABLE} is {os.environ[LIMIT_VARIABLE]!r}: a size like '5 GB' or '800 MB' is needed, or 'none'."
        )
    return int(float(match[1]) * _UNITS[match[2]])


@contextlib.contextmanager
def cached(name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """The entry `name`, which stays while the context lasts; `make` fills a new one, which takes its place at once.

    Raises CompilerError where the cache cannot be written.
    """
    root = cache_directory()
    target = root / name
    while True:
        with _locked(root, name, fcntl.LOCK_SH):
            if _is_whole(target):
                with contextlib.suppress(OSError):  # of another user
                    os.utime(target)
                yield target
                return
        _make(root, name, make, cache_limit())


_kept: dict[Path, contextlib.ExitStack] = {}


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The entry `name`, which stays while this process lives."""
    target = cache_directory() / name
    if target in _kept and target.is_dir():
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    with contextlib.ExitStack() as stack:
        stack.enter_context(cached(name, make))
        _kept[target] = stack.pop_all()
    return target


def _make(root: Path, name: str, make: Callable[[Path], None], limit: int | None) -> None:
    target = root / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root, name, fcntl.LOCK_EX) as is_locked:
            if _is_whole(target):
                return
            if target.is_dir():
                _set_aside(root, name)
            if is_locked:
                _remove_left(root, name)
            temporary = root / f".{name}-{secrets.token_hex(4)}"
            temporary.mkdir()  # which others may read, as mkdtemp's they could not
            try:
                make(temporary)
                (temporary / _CONTENTS).write_text(_contents(temporary), encoding="utf-8")
                os.replace(temporary, target)
            except OSError:
                if not target.is_dir():  # made by another, where there are no locks
                    raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            _make_room(root, limit, keep=name)
    except OSError as error:
        raise CompilerError(
            f"The cache of compiled libraries, {root}, cannot be written ({error.strerror or error}). "
            f"Name another directory in ${DIRECTORY_VARIABLE}."
        ) from error


def _contents(directory: Path) -> str:
    """The files of an entry with their sizes, in lines."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != _CONTENTS)
    return "".join(f"{path.stat().st_size} {path.relative_to(directory)}\n" for path in files)


def _is_whole(target: Path) -> bool:
    """Whether an entry is there, and as it was made: the power may fail before the disk has what was written."""
    try:
        return (target / _CONTENTS).read_text(encoding="utf-8", errors="replace") == _contents(target)
    except OSError:
        return target.is_dir()  # of an earlier version, or not there


@contextlib.contextmanager
def _locked(root: Path, name: str, mode: int) -> Iterator[bool]:
    """Hold the lock of an entry while the context lasts; whether it is held.

    It is not where `mode` says not to wait (LOCK_NB) and another holds it, where the file system has no locks,
    and where it cannot be made (a directory that may only be read, from which nobody can remove anything).
    """
    path = root / f"{name}.lock"
    descriptor = -1
    try:
        while descriptor < 0:
            descriptor = _opened(path)
            if descriptor < 0:
                break
            try:
                fcntl.flock(descriptor, mode)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _WITHOUT_LOCKS:
                    raise
                break
            if _is_at(descriptor, path):
                yield True
                return
            os.close(descriptor)  # who held it removed the entry, and the lock with it
            descriptor = -1
        yield False
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _opened(path: Path) -> int:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # the second for a lock of another user
        try:
            return os.open(path, flags, 0o644)
        except OSError:
            continue
    return -1


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


# --- Removal -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory of the cache: bytes on disk, and when it was used last (seconds since 1970)."""

    name: str
    size: int
    used: float


def cached_entries() -> list[Entry]:
    """What is in the cache, most recently used first."""
    root = cache_directory()
    entries = []
    for path in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            if path.name.startswith(_KINDS) and path.is_dir():
                entries.append(Entry(path.name, _size(path), path.stat().st_mtime))
    return sorted(entries, key=lambda entry: -entry.used)


def clear_cache() -> tuple[int, list[Entry]]:
    """Delete what is in the cache (nothing else that lies in its directory), but for what somebody uses or makes now.

    Returns the bytes that it took, and the entries that stay. Raises CompilerError where nothing can be deleted.
    """
    root = cache_directory()
    if root.is_dir() and not os.access(root, os.W_OK):
        raise CompilerError(
            f"The cache of compiled libraries, {root}, cannot be written: nothing was deleted."
        )
    freed = sum(_remove_if_free(root, name) for name in sorted(_names(root)))
    return freed, cached_entries()


def _make_room(root: Path, limit: int | None, keep: str) -> None:
    """Remove what is old, what is too much, and what killed processes left."""
    with _locked(root, "removal", fcntl.LOCK_EX | fcntl.LOCK_NB) as is_locked:
        if not is_locked:  # another process is at it
            return
        entries = [entry for entry in cached_entries() if entry.name != keep]
        names = {entry.name for entry in entries}
        for name in _names(root) - names - {keep}:
            _remove_if_free(root, name)
        total = sum(entry.size for entry in entries) + _size(root / keep)
        oldest = time.time() - DAYS * 24 * 3600
        for entry in reversed(entries):
            if entry.used < oldest or (limit is not None and total > limit):
                total -= _remove_if_free(root, entry.name)


def _names(root: Path) -> set[str]:
    """Of entries, of what is left of entries, and of locks."""
    found = set()
    for path in root.iterdir() if root.is_dir() else ():
        if path.name.startswith(_KINDS):
            found.add(path.name.removesuffix(".lock"))
        elif path.name.startswith(tuple(f".{kind}" for kind in _KINDS)):
            found.add(path.name[1:].rpartition("-")[0])
    return found


def _remove_if_free(root: Path, name: str) -> int:
    """Remove an entry, what is left of it, and its lock, unless somebody holds that; the bytes that it took."""
    with _locked(root, name, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_locked:
        if not is_locked:
            return 0
        freed = _remove_left(root, name)
        target = root / name
        if target.is_symlink():
            target.unlink()
        elif target.is_dir():
            _set_aside(root, name)
            freed += _remove_left(root, name)
        (root / f"{name}.lock").unlink(missing_ok=True)
        return freed


def _set_aside(root: Path, name: str) -> None:
    """Take an entry away at once, for `_remove_left`: a killed process leaves no half of an entry."""
    os.replace(root / name, root / f".{name}-{secrets.token_hex(4)}")


def _remove_left(root: Path, name: str) -> int:
    """Remove what a killed process left of an entry, whose lock is held."""
    freed = 0
    for left in root.glob(f".{name}-*"):
        freed += _size(left)
        shutil.rmtree(left, ignore_errors=True)
    return freed


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in set(names) - {_CONTENTS}:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total
