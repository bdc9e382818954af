"""From the code of an archive to classes, functions and IR."""

from .importer import Importer

__all__ = ["Importer"]
