"""What we announce: facts about promises, on `deskpulse.signals` (docs/signals.md)."""

from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.events import Status
from schemas.sla import Metric

SignalType = Literal["sla.at_risk", "sla.breached", "sla.met_late", "sla.withdrawn"]
TYPES: tuple[SignalType, ...] = get_args(SignalType)
WITHDRAWN: SignalType = "sla.withdrawn"


class Signal(BaseModel):
    """A fact about one promise to one ticket. What is not known is null."""

    # Unknown fields are let through: an older reader outlives a newer writer.
    model_config = ConfigDict(frozen=True)

    type: SignalType
    signal_id: str = Field(
        description="The same whoever announces it, however often: readers leave repeats out by it."
    )
    occurred_at: AwareDatetime = Field(
        description="Since when it is true; of a breach, the instant at which the target was reached. Of a "
        "withdrawal, what the withdrawn signal said."
    )
    announced_at: AwareDatetime = Field(description="When it was announced.")
    namespace: str = Field(description="Which state says so.")
    ticket: str = Field(description="Kafka key: the ticket's key, tenant/source/id. Its signals share a partition.")
    tenant: str | None = None
    source: str | None = Field(None, description="Which helpdesk product the ticket is in.")
    ticket_id: str = Field(description="The helpdesk's own id.")
    metric: Metric
    clock_started_at: AwareDatetime = Field(description="Tells one next response, update or escalation from another.")
    policy: str = Field(description="Which SLA policy promised it.")
    target_s: float = Field(description="The target, in seconds of the hours that count.")
    due_at: AwareDatetime | None = Field(None, description="The deadline, as it was when the line was crossed.")
    status: Status | Literal["merged"] | None = Field(
        None, description="Of the ticket when this was announced, as all that follows."
    )
    queue: str | None = None
    channel: str | None = None
    priority: str | None = None
    tier: str | None = None
    category: str | None = None
    product_area: str | None = None
    team: str | None = None
    agent_id: str | None = Field(None, description="Whose the ticket was.")
    withdraws: str | None = Field(None, description="On sla.withdrawn: the signal_id of what does not hold any more.")
    withdrawn_type: SignalType | None = Field(None, description="On sla.withdrawn: the type of that signal.")


def encode_signal(signal: Signal) -> bytes:
    """The JSON of ``signal``."""
    return signal.model_dump_json().encode()


def decode_signal(record: bytes) -> Signal:
    """What `encode_signal` wrote.

    Raises:
        pydantic.ValidationError: it is no signal.
    """
    return Signal.model_validate_json(record)
