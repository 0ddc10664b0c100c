"""What entities tell each other, on its way through the log (docs/adr/0005).

A told fact is made from other records of the log, under a policy. Another state that is made from the same log, under
another policy or by a later version of this program, tells its own; so each told record says whose it is, and the
others pass it over.
"""

import logging
from collections.abc import Iterable, Sequence

from schemas.codec import Fact, encode_derived
from services.adapters.event_log import EventLog
from services.adapters.event_log import Record as Outgoing
from services.adapters.log_reader import Record
from services.adapters.metrics import ProcessorMetrics
from services.errors import Unstorable

log = logging.getLogger(__name__)

STATE = "state"
"""The header that says for which state a fact was told."""
RECORDS_PER_APPEND = 500
"""So few that they fit into what may wait for the broker at once."""


def told_record(fact: Fact, state: bytes) -> Outgoing:
    """What the log takes of a told fact."""
    return Outgoing(fact.topic, fact.entity, encode_derived(fact), ((STATE, state),))


def told_for(record: Record, state: bytes) -> bool:
    """Whether a told record is for this state."""
    return (STATE, state) in record.headers


class Telling:
    """Appends to the log what the entities of one state tell each other."""

    def __init__(self, event_log: EventLog, state: bytes, metrics: ProcessorMetrics) -> None:
        self._event_log = event_log
        self._state = state
        self._metrics = metrics

    async def __call__(self, facts: Sequence[Fact]) -> None:
        """Return once all in-sync replicas have them. What no topic takes is left out, and counted.

        Raises:
            Unavailable: the log does not answer, or says that it cannot. Some may be there: repeats are harmless.
        """
        records = [told_record(fact, self._state) for fact in facts]
        for begin in range(0, len(records), RECORDS_PER_APPEND):
            piece = records[begin : begin + RECORDS_PER_APPEND]
            try:
                await self._event_log.append(piece)
            except Unstorable:
                await self._append_one_by_one(piece)
            else:
                self._count(piece)

    async def _append_one_by_one(self, records: Iterable[Outgoing]) -> None:
        for record in records:
            try:
                await self._event_log.append([record])
            except Unstorable as error:
                log.error("too large to be told", extra={"entity": record.key, "reason": str(error)})
                self._metrics.untold.labels(record.topic.name).inc()
            else:
                self._count([record])

    def _count(self, records: Iterable[Outgoing]) -> None:
        for record in records:
            self._metrics.told.labels(record.topic.name).inc()
