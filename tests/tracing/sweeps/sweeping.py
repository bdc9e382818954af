"""What sweeps over models share: options, a host in C++, and a line for each model."""

import argparse
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def sweep(
    description: str | None,
    which: str,
    names: Callable[[], Iterable[str]],
    compare: Callable[[str, Any], None],
) -> None:
    """Give `compare` each name on the command line, or all; and the host that runs archives in C++, or None."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=which)
    parser.add_argument("--no-cpp", action="store_true", help="do not run the archives in C++")
    parser.add_argument("-v", action="store_true", help="show where it fails")
    arguments = parser.parse_args()
    host = None
    if not arguments.no_cpp:
        from tests.roundtrip.cpp_host import Host

        host = Host(Path(tempfile.mkdtemp()))
    chosen = arguments.names or list(names())
    right = 0
    for name in chosen:
        start = time.process_time()
        try:
            compare(name, host)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            if arguments.v:
                traceback.print_exc()
        else:
            right += 1
            print(f"{name}: right ({time.process_time() - start:.1f} s)", flush=True)
    print(f"{right} of {len(chosen)}")
