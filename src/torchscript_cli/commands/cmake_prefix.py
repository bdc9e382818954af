"""`torchscript cmake-prefix`: where CMake finds this package."""

from __future__ import annotations

import typer


def cmake_prefix() -> None:
    """Print what CMAKE_PREFIX_PATH has to name for find_package(torchscript).

    cmake -B build -DCMAKE_PREFIX_PATH="$(torchscript cmake-prefix)"
    """
    import torch

    from torchscript.native.compiler import INCLUDE

    typer.echo(f"{INCLUDE.parent / 'cmake'};{torch.utils.cmake_prefix_path}")
