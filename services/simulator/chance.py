"""Chance: the draws that people's habits are made of."""

from collections.abc import Mapping
from random import Random

from schemas.codec import Millis
from services.simulator.demand import HOUR, MINUTE, SECOND, draw

_LONGEST = 60 * HOUR


class Chance:
    """Draws from one generator, in the order in which they are asked for."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def once_in(self, share: float) -> bool:
        """True as often as ``share`` says."""
        return self.rng.random() < share

    def word(self, weights: Mapping[str, float]) -> str:
        """One of the words, each as often as its weight says."""
        return draw(self.rng, weights)

    def seconds(self, least: int, most: int) -> Millis:
        """Some seconds, all equally likely."""
        return self.rng.randint(least * SECOND, most * SECOND)

    def minutes(self, least: int, most: int) -> Millis:
        """Some minutes, all equally likely."""
        return self.rng.randint(least * MINUTE, most * MINUTE)

    def around(self, median: float, sigma: float, longest: Millis = _LONGEST) -> Millis:
        """A duration, log-normal as most are; from a minute up to ``longest``."""
        return max(MINUTE, min(int(median * self.rng.lognormvariate(0, sigma)), longest))

    def wait(self, mean: Millis) -> Millis:
        """How long until something that may happen at any moment; 2 s at least."""
        return max(2 * SECOND, int(self.rng.expovariate(1 / mean)))
