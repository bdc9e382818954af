"""Which Python local holds which SSA value.

    %s.1 = …                       s = …
    %s.2 = aten::add(%s.1, %i)  →  s = s + i

A function's statements have positions, two for each: it reads its operands at an even one and defines its
results at the odd one after. A `Local` is what must be one Python variable (a value; a loop's parameter
together with its result; an If's output), with the positions at which it is alive. Locals whose lives do
not overlap share a name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...errors import BackendError
from .names import Interval, Occupancy, identifier, merged


@dataclass(eq=False, slots=True)
class Region:
    """The positions of a block. `entry` is the position in the parent region from which it is entered."""

    parent: Region | None
    entry: int
    start: int
    is_loop: bool = False
    end: int = 0  # set when the region is complete


@dataclass(eq=False, slots=True)
class Local:
    """One Python variable to be. `own_name` is the user's; `name` is set by `assign_names`."""

    own_name: str | None
    lives: list[Life] = field(default_factory=list)
    name: str = ""
    is_argument: bool = False
    related: Local | None = None  # union-find: locals that copies connect
    preferred: str | None = None  # the group's, at its root
    is_group: bool = False
    group_name: str = ""

    def group(self) -> Local:
        root = self
        while root.related is not None:
            root = root.related
        while self.related is not None:
            self.related, self = root, self.related
        return root

    def relate(self, other: Local) -> None:
        """Say that a copy between both would vanish if they had one name; this one's name is preferred."""
        mine, theirs = self.group(), other.group()
        if mine is not theirs:
            mine.preferred = mine.preferred or mine.own_name or theirs.preferred or theirs.own_name
            mine.is_group = True
            theirs.related = mine


@dataclass(eq=False, slots=True)
class Life:
    """A stretch in which a local keeps one value: from `start` in `region` to its uses there and inside."""

    local: Local
    region: Region
    start: int
    uses: list[tuple[Region, int]] = field(default_factory=list)

    def intervals(self) -> Iterable[Interval]:
        """In constant time for each use however deep it stands.

        A use inside a loop keeps the value to the loop's end; a use inside a branch keeps it from the
        branch's beginning to there, and up to where the branch is entered, but not over the other branch.
        """
        reach: dict[Region, int] = {}
        here = self.start
        for region, position in self.uses:
            while region is not self.region:
                if region.is_loop:
                    position = region.end
                known = reach.get(region)
                if known is not None:
                    reach[region] = max(known, position)
                    break
                reach[region] = position
                position = region.end if region.is_loop else region.entry
                if region.parent is None:
                    raise BackendError("A value is used outside the block that defines it.")
                region = region.parent
            else:
                here = max(here, position)
        yield self.start, here
        for region, position in reach.items():
            yield region.start, position


def assign_names(locals: list[Local]) -> set[str]:
    """Give every local its name; arguments keep theirs. Returns all names."""
    spans = [merged([i for life in local.lives for i in life.intervals()]) for local in locals]
    order = sorted(range(len(locals)), key=lambda i: spans[i][0][0])
    occupancy = Occupancy()
    for i in order:
        if locals[i].is_argument:
            locals[i].name = _argument_name(locals[i].own_name, occupancy.names)
            occupancy.take(locals[i].name, spans[i])
    crowded: dict[str, int] = {}
    for i in order:
        local = locals[i]
        if not local.is_argument and (wanted := identifier(local.own_name)) is not None:
            local.name = _free_variant(wanted, spans[i], occupancy, crowded)
            occupancy.take(local.name, spans[i])
    temporaries = _Temporaries(occupancy)
    for i in order:
        local = locals[i]
        if not local.name:
            local.name = temporaries.name_for(local, spans[i])
    return occupancy.names


def _argument_name(preferred: str | None, taken: set[str]) -> str:
    base = identifier(preferred) or "_0"
    return next(n for n in _variants(base) if n not in taken)


def _free_variant(name: str, span: list[Interval], occupancy: Occupancy, crowded: dict[str, int]) -> str:
    """`name`, or `name_1`, …; past a few of them a number never tried, so that the search stays short."""
    for number, variant in enumerate(_variants(name)):
        if number == 8:
            break
        if occupancy.is_free(variant, span):
            return variant
    number = crowded.get(name, 8)
    while not occupancy.is_free(f"{name}_{number}", span):
        number += 1
    crowded[name] = number + 1
    return f"{name}_{number}"


def _variants(name: str) -> Iterable[str]:
    yield name
    number = 0
    while True:
        number += 1
        yield f"{name}_{number}"


class _Temporaries:
    """Names for values without one: that of the variable they are copied to, or `_1`, `_2`, …"""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy = occupancy
        self._count = 0
        self._free: list[tuple[int, int, str]] = []  # (last position in use, number, name)

    def name_for(self, local: Local, span: list[Interval]) -> str:
        group = local.group()
        wanted = identifier(group.preferred) or group.group_name
        if wanted and self._occupancy.is_free(wanted, span):
            self._occupancy.take(wanted, span)
            return wanted
        number, name = self._reused(span) or self._fresh(span)
        self._occupancy.take(name, span)
        if group.is_group and not wanted:
            group.group_name = name
        else:
            heapq.heappush(self._free, (span[-1][1], number, name))
        return name

    def _reused(self, span: list[Interval]) -> tuple[int, str] | None:
        if not self._free or self._free[0][0] >= span[0][0]:
            return None
        _, number, name = heapq.heappop(self._free)
        return (number, name) if self._occupancy.is_free(name, span) else None

    def _fresh(self, span: list[Interval]) -> tuple[int, str]:
        while True:
            self._count += 1
            name = f"_{self._count}"
            if self._occupancy.is_free(name, span):
                return self._count, name
