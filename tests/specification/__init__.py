"""The specification of Torch Script, example by example.

One file for each of its sections, in its order. The programs stand here as they are printed there, with `jit`
for `torch.jit`; where a slip of the document had to be mended, a comment says which. Where PyTorch 2 differs
from the document (PyTorch 1.0), its form holds.
"""
