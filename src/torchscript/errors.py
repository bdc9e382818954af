"""The errors that users of the library can meet, all below `Error`.

Error
├── CompileError            the program is wrong, or outside the language
│   ├── NotSupportedError   syntax or a Python feature outside the language
│   └── SchemaMatchError    no operator takes these arguments
├── ArgumentError           a compiled function was called with the wrong arguments (also a TypeError)
├── ArchiveError            a file that is no archive, is damaged, or cannot be written
├── TracingError            a run that cannot be recorded
│   └── TracingCheckError   a recorded run that differs from the Python code
├── IRError                 ill-formed IR, in text or as a graph
└── BackendError            a graph that a back end cannot turn into code
"""

from __future__ import annotations

from .source import SourceRange


class Error(RuntimeError):
    """Root of every error that this library raises on purpose."""


class CompileError(Error):
    """The program is wrong or outside the language.

    `message` says what; `where` is the user's source span; `notes` are further paragraphs (what to write
    instead). Frames of compiled callers are added with `called_from` while the error travels outwards.
    """

    def __init__(
        self, message: str, where: SourceRange | None = None, *, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.notes = notes
        self.frames: list[tuple[str, SourceRange]] = []
        self.function: object | None = None  # the Python function in which it stands

    def called_from(self, callee: str, where: SourceRange | None) -> None:
        """Record that `callee`, in which the error stands, was compiled because of a call at `where`."""
        if self.where is None:
            self.where = where
        elif where is not None and where != self.where:
            self.frames.append((callee, where))

    def public(self) -> CompileError:
        """The same error as one of the classes that users know, without the compiler's own traceback."""
        kind: type[CompileError] = next(c for c in type(self).__mro__ if c.__module__ == __name__)
        if kind is type(self):
            self.__traceback__ = None
            return self
        error: CompileError = kind(self.message, self.where, notes=self.notes)
        error.frames = self.frames
        error.__dict__.update({k: v for k, v in vars(self).items() if k not in vars(error)})
        return error

    def __str__(self) -> str:
        parts = [self.message]
        if self.where is not None:
            parts.append(self.where.show())
        parts.extend(self.notes)
        for callee, where in self.frames:
            parts.append(f"'{callee}' is compiled because it is called here:\n{where.show()}")
        return "\n".join(parts)


class NotSupportedError(CompileError):
    """Syntax, or a feature of Python, that is outside the language."""


class SchemaMatchError(CompileError):
    """No overload of an operator or function takes these arguments."""


class ArgumentError(Error, TypeError):
    """A compiled function was called with arguments that do not fit its schema."""


class ArchiveError(Error):
    """A file that is not an archive, is damaged, or cannot be written."""


class TracingError(Error):
    """A run of Python code that cannot be recorded."""


class TracingCheckError(TracingError):
    """A trace that differs from the Python code, found by running both again."""


class IRError(Error):
    """Ill-formed IR: text that does not parse, or a graph that breaks a rule."""


class BackendError(Error):
    """A graph that a back end cannot turn into code."""


class CompileWarning(UserWarning):
    """Something that compiles, and that its author will want to know about."""


class TracerWarning(Warning):
    """The trace may not represent the Python code."""
