"""Archives on every way between eager Python, this library, PyTorch and C++: `make roundtrip` does all of them."""
