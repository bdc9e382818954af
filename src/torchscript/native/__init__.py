"""Native code: build the C++ of a program, load the library, and run it behind the interface of the module.

compiler.py   which C++ compiler, with which flags
build.py      precompiled header, runtime library, one library a program; all cached on disk
library.py    a loaded library: its methods as Python callables
border.py     values that the dispatcher does not take as they are
module.py     what users hold: native modules and functions
api.py        `compile`
"""
