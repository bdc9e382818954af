"""One C++ host for a process of tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .cpp_host import Host


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"))
    yield host
    host.close()
