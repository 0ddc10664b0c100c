"""Whether an endpoint takes what it is sent, and how much it is asked to take at once."""

from dataclasses import dataclass

FAILING_AFTER = 5
"""Failures one after the other, of whatever signals."""


@dataclass
class Health:
    """An endpoint that fails is asked one thing at a time, so that its recovery is not drowned."""

    in_flight: int
    _failures: int = 0
    _quiet_until: float = 0.0

    @property
    def failing(self) -> bool:
        """Whether its last answers, several in a row, were failures."""
        return self._failures >= FAILING_AFTER

    @property
    def at_once(self) -> int:
        """How many requests it may have to answer at the same time."""
        return 1 if self.failing else self.in_flight

    @property
    def quiet_until(self) -> float:
        """It asked for no request before then."""
        return self._quiet_until

    def failed(self, quiet_until: float = 0.0) -> bool:
        """Note a failure; true when it is from now on failing."""
        self._failures += 1
        self._quiet_until = max(self._quiet_until, quiet_until)
        return self._failures == FAILING_AFTER

    def answered(self) -> bool:
        """Note an answer that settles something; true when it was failing until now."""
        was_failing, self._failures = self.failing, 0
        return was_failing
