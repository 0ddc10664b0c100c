"""The error tree, by what the caller should do next.

DeskpulseError
├── Rejected          can never be used: refuse or dead-letter it, and go on
│   ├── BadSignature      the sender is not who it says: answer 401
│   ├── UnknownSource     no such vendor or tenant here: answer 404
│   ├── Untranslatable    authentic, but nothing that we can use: dead-letter it with its reason
│   ├── NoEvent           a canonical event that breaks its schema: answer 422
│   └── Unstorable        larger than its topic takes: answer 413
├── Unavailable       a neighbour is away: keep the offset and try again
├── Fenced            the store is not where this worker thought: drop the shard and load it again
├── Halted            going on would make figures wrong: stop the partition and say what to do
└── Misconfigured     a setting, a policy or a port is wrong: say which, and do not start
"""


class DeskpulseError(Exception):
    """Whatever we raise on purpose; its message says who, what came and what would have been right."""


class Rejected(DeskpulseError):
    """Can never be used, however often it is tried."""


class BadSignature(Rejected):
    """Missing, wrong or too old; the message never holds a secret."""


class UnknownSource(Rejected):
    """No such vendor, or no such tenant of it."""


class Untranslatable(Rejected):
    """An authentic delivery of which no event can be made."""

    def __init__(self, reason: str, message: str) -> None:
        """``reason`` is one short word for a label: unknown_type, schema, not_json, time ..."""
        super().__init__(message)
        self.reason = reason


class NoEvent(Rejected):
    """A canonical event that breaks its schema; ``faults`` names each place."""

    def __init__(self, faults: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{f['at']}: {f['came']}, {f['expected']}" for f in faults))
        self.faults = faults


class Unstorable(Rejected):
    """A record that its topic will not take, however often it is sent."""


class Unavailable(DeskpulseError):
    """A neighbour is away; the same call may work later."""


class Fenced(DeskpulseError):
    """A write was refused: somebody else has gone on, or the store went back."""


class Halted(DeskpulseError):
    """The log, the state and the policy do not belong together; a person decides."""


class Misconfigured(DeskpulseError):
    """The start stops here, with a sentence for whoever set it up."""
