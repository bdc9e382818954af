"""Reading text piece by piece, with errors that show the line and a caret."""

from __future__ import annotations

import re

from ..errors import IRError

_SPACE = re.compile(r"[ \t\r\n]*")


class Scanner:
    """A position in a text. Every method first skips white space."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def skip(self) -> int:
        """Skip white space; the position after it."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()
        return self.position

    def sees(self, token: str) -> bool:
        return self.text.startswith(token, self.skip())

    def accept(self, token: str) -> bool:
        """Read `token` if it comes next."""
        if self.text.startswith(token, self.skip()):
            self.position += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f"expected '{token}'")

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what `pattern` matches here, if it does."""
        match = pattern.match(self.text, self.skip())
        if match is not None:
            self.position = match.end()
        return match

    def take(self, pattern: re.Pattern[str], what: str) -> str:
        """Read what `pattern` matches here; `what` says what that is, for the error."""
        match = self.match(pattern)
        if match is None:
            raise self.error(f"expected {what}")
        return match.group()

    @property
    def at_end(self) -> bool:
        return self.skip() == len(self.text)

    def error(self, message: str, position: int | None = None) -> IRError:
        """An error that points at `position`, or at what comes next."""
        if position is None:
            position = self.skip()
        start = self.text.rfind("\n", 0, position) + 1
        end = self.text.find("\n", position)
        line = self.text[start : end if end >= 0 else len(self.text)]
        number = self.text.count("\n", 0, position) + 1
        found = "" if position < len(self.text) else ", and the text ends here"
        caret = " " * (position - start) + "^"
        return IRError(f"{message}{found}\n  IR text, line {number}\n    {line}\n    {caret}")
