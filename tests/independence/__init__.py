"""The library does its work without torch.jit and the C++ behind it."""
