"""Chance that is a function of its arguments: the same seed and names give the same numbers, in any order."""

from __future__ import annotations

from hashlib import blake2b

_WORD = 0xFFFFFFFFFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15


def salt(seed: int, *names: str) -> int:
    """64 bits of their own for each seed and names."""
    return int.from_bytes(blake2b("\n".join((str(seed), *names)).encode(), digest_size=8).digest(), "big")


def number(salted: int, index: int) -> int:
    """The 64-bit number at an index of a salt's sequence (the mixing step of SplitMix64)."""
    mixed = (salted + index * _GOLDEN) & _WORD
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
    return mixed ^ (mixed >> 31)


def fraction(salted: int, index: int) -> float:
    """The same as a number in [0, 1)."""
    return (number(salted, index) >> 11) * (1.0 / (1 << 53))


def draw(seed: int, *names: str) -> float:
    """One number in [0, 1) for these names."""
    return fraction(salt(seed, *names), 0)
