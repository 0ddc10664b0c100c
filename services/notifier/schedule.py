"""When a delivery that failed is tried again, and when it is given up."""

from dataclasses import dataclass

_MOST_DOUBLINGS = 40


@dataclass(frozen=True)
class Schedule:
    """Exponential backoff with full jitter, up to an age at which a signal is given up."""

    first_s: float
    """The longest wait after the first failure; it doubles with each further one."""
    longest_s: float
    give_up_after_s: float
    """Counted from when the signal was announced, so that restarts of ours prolong nothing."""

    def wait_s(self, attempts: int, age_s: float, chance: float, retry_after_s: float | None = None) -> float | None:
        """How long to wait for the next attempt; None: there is none.

        Args:
            attempts: How many have failed, from 1.
            age_s: Of the signal, now.
            chance: The jitter's draw, from 0 to below 1.
            retry_after_s: What the endpoint asked for: no attempt comes before that.

        The last attempt falls on the age of giving up; the endpoint asks for none by naming a later instant.
        """
        left_s = self.give_up_after_s - age_s
        asked_s = retry_after_s or 0.0
        if left_s <= 0 or asked_s > left_s:
            return None
        backoff_s = chance * min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS))
        # What waits for the same instant spreads behind it.
        spread_s = asked_s + chance * self.first_s if asked_s else 0.0
        return min(max(backoff_s, spread_s), left_s)
