"""Functions of `math` on ints that the IR has no operator for."""

from __future__ import annotations

import math


def combinations(n: int, k: int) -> int:
    """`math.comb(n, k)`."""
    if n < 0 or k < 0:
        raise ValueError(("n" if n < 0 else "k") + " must be a non-negative integer")
    result = 1 if k <= n else 0
    for i in range(min(k, n - k)):
        result = result * (n - i) // (i + 1)
    return result


def permutations(n: int, k: int) -> int:
    """`math.perm(n, k)`."""
    if n < 0 or k < 0:
        raise ValueError(("n" if n < 0 else "k") + " must be a non-negative integer")
    result = 1 if k <= n else 0
    for i in range(k if k <= n else 0):
        result = result * (n - i)
    return result


def common_multiple(a: int, b: int) -> int:
    """`math.lcm(a, b)`."""
    if a == 0 or b == 0:
        return 0
    return abs(a // math.gcd(a, b) * b)


def integer_root(n: int) -> int:
    """`math.isqrt(n)`."""
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = int(math.sqrt(n))
    while root > 0 and root > n // root:
        root -= 1
    while root + 1 <= n // (root + 1):
        root += 1
    return root
