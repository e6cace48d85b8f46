"""`math.random` for scripts: drand48, which gives the same numbers on every machine.

    X' = (25214903917 X + 11) mod 2^48          the number drawn: the upper 31 bits

A seed is the upper 32 bits of X, its lower 16 are 0x330E.

Mirrors: rand.c, `redis_math_random` in script_lua.c.
Complexity: O(1).

>>> generator = Random48()
>>> generator.seed(1); [generator.next() for _ in range(3)]
[89400484, 976015093, 1792756325]

Read next: api.py, which puts it into the sandbox.
"""

from __future__ import annotations

_FACTOR, _ADDEND, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1
RANGE = 2**31 - 1


class Random48:
    """The generator of one Lua interpreter."""

    def __init__(self) -> None:
        self.state = 0x1234ABCD330E

    def seed(self, seed: int) -> None:
        self.state = (seed & 0xFFFFFFFF) << 16 | 0x330E

    def next(self) -> int:
        """An integer from 0 to 2**31 - 1."""
        self.state = (self.state * _FACTOR + _ADDEND) & _MASK
        return self.state >> 17

    def fraction(self) -> float:
        """A number from 0 up to 1, without 1."""
        return self.next() % RANGE / RANGE
