"""What the tests of modules for PyTorch's mobile interpreter share."""

import io
import zipfile


def without_source(data: bytes) -> bytes:
    """The archive with its byte code alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            if "/code/" not in name:
                new.writestr(name, old.read(name))
    return buffer.getvalue()
