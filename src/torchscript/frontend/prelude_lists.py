"""What lists do that the IR has no operator for, as Python that is compiled on demand (prelude.py)."""

from __future__ import annotations

from typing import Any


def repeat_in_place(items: Any, times: int) -> None:
    """`items *= times`."""
    once = items.copy()
    if times <= 0:
        items.clear()
    for _ in range(times - 1):
        items.extend(once)


def _clamped(bound: int, length: int, step: int) -> int:
    """A bound of a slice as a position: what lies outside is the place before the first or after the last."""
    if bound < 0:
        bound += length
    if step > 0:
        return 0 if bound < 0 else (length if bound > length else bound)
    return -1 if bound < 0 else (length - 1 if bound >= length else bound)


def _positions(low: Any, high: Any, step: int, length: int) -> Any:
    """`range(*slice(low, high, step).indices(length))` as a list."""
    if step == 0:
        raise ValueError("slice step cannot be zero")
    first = (0 if step > 0 else length - 1) if low is None else _clamped(low, length, step)
    last = (length if step > 0 else -1) if high is None else _clamped(high, length, step)
    return [i for i in range(first, last, step)]


def assign_steps(items: Any, low: Any, high: Any, step: int, values: Any) -> None:
    """`items[low:high:step] = values`."""
    positions = _positions(low, high, step, len(items))
    given = values.copy()
    if len(given) != len(positions):
        raise ValueError(
            f"attempt to assign sequence of size {len(given)} to extended slice of size {len(positions)}"
        )
    for i in range(len(positions)):
        items[positions[i]] = given[i]


def delete_steps(items: Any, low: Any, high: Any, step: int) -> None:
    """`del items[low:high:step]`."""
    positions = _positions(low, high, step, len(items))
    positions.sort()
    kept = items[:0]
    next = 0
    for i in range(len(items)):
        if next < len(positions) and positions[next] == i:
            next += 1
        else:
            kept.append(items[i])
    items.clear()
    items.extend(kept)
