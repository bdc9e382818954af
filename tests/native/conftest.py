import shutil

import pytest


@pytest.fixture(autouse=True)
def needs_compiler():
    """Native code is tested where there is a compiler for it."""
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        pytest.skip("no C++ compiler")
