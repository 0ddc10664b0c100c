"""What a state is made from besides the log; one that was made from anything else is not taken over."""

from dataclasses import dataclass

from schemas.codec import Millis
from services.adapters.state_layout import LAYOUT, Meta
from services.errors import Halted


@dataclass(frozen=True)
class StateOrigin:
    """What a state is made from besides the log."""

    policy: str
    partitions: int
    namespace: str = ""
    live_since: Millis | None = None
    """When `deskpulse switch` made it live; None where nobody switched."""
    before: str = ""
    """The namespace that was live until then, and whose announcements it goes on with."""
    beside: bool = False
    """Built beside the live state: it announces nothing, and leaves alone what was to be announced."""

    @property
    def state(self) -> bytes:
        """Whose told records are taken in: those of another state were made under other rules."""
        return f"{self.namespace}/{self.policy}".encode()

    def check(self, meta: Meta, place: str) -> None:
        """Whether a stored state is of this origin.

        Raises:
            Halted: it is laid out otherwise, was made under another policy, or from a topic with another number of
                partitions.
        """
        if meta.layout != LAYOUT:
            raise Halted(
                f"{place}: this state has the layout {meta.layout}, this version of deskpulse reads and writes "
                f"{LAYOUT}. Set DESKPULSE_NAMESPACE to a new name to rebuild the state from the log."
            )
        if meta.policy != self.policy:
            raise Halted(
                f"{place}: this state was made under the policy {meta.policy}, the settings say {self.policy}: "
                "mixing them would make figures that neither means. Put the old policy back, or set "
                "DESKPULSE_NAMESPACE to a new name to rebuild the state under the new one."
            )
        if meta.partitions != self.partitions:
            raise Halted(
                f"{place}: this state was made from {meta.partitions} partitions, the topic has {self.partitions}: "
                "tickets would be parted. Set DESKPULSE_NAMESPACE to a new name to rebuild the state."
            )
