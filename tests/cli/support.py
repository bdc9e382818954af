"""Running the command in this process, as a user's shell would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from torchscript_cli.app import main


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """`run("info", path)`: the exit code and what was printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: Any) -> Result:
        self.capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = self.capsys.readouterr()
        return Result(code, out, err)

    def ok(self, *arguments: Any) -> Result:
        result = self(*arguments)
        assert result.code == 0, result
        return result
