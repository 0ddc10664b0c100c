"""A shard's signals on their way: out of the store and onto their topic, each once.

A signal is in the shard's outbox, in the store, before it is sent, and leaves it with a later write. Whoever finds an
outbox that somebody else has left (or whose own attempt failed) is *unsure*: it waits until the other cannot be
sending any more, makes the outbox its own by a write of its own, looks what the topic has, and sends the rest.
"""

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from schemas.codec import Millis
from schemas.topics import SIGNALS, TICKETS
from services.adapters.event_log import EventLog
from services.adapters.event_log import Record as Outgoing
from services.adapters.log_reader import LogReader
from services.adapters.metrics import ProcessorMetrics
from services.adapters.state_layout import Unsent
from services.config import Settings
from services.errors import Unavailable, Unstorable
from services.processor.signalling import Signalling

log = logging.getLogger(__name__)

RECORDS_PER_APPEND = 500
CLOCKS_APART_MS: Millis = 60_000
"""How far the clocks of workers and brokers are believed to lie apart."""
BEHIND_MS: Millis = 60_000
"""How old the newest record may be of a shard that had all of the log, and goes on as if it still had."""
CAUGHT_UP_MS: Millis = 5_000
"""How new a record tells of a shard that was behind that it is so no more."""


def wall_clock() -> Millis:
    """Now."""
    return time.time_ns() // 1_000_000


class Stopwatch:
    """How long ago something was, by whichever clock says more: one may stand still while the machine sleeps, and the
    other be set back."""

    def __init__(self, now: Callable[[], Millis]) -> None:
        self._now = now
        self._began_s, self._began_at = time.monotonic(), now()

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return max(time.monotonic() - self._began_s, (self._now() - self._began_at) / 1000)


class _Sent(msgspec.Struct):
    signal_id: str


_read = msgspec.json.Decoder(_Sent).decode


class Herald:
    """Takes the signals of a worker's shards to their topic."""

    def __init__(
        self,
        event_log: EventLog,
        reader: LogReader,
        metrics: ProcessorMetrics,
        settings: Settings,
        now: Callable[[], Millis] = wall_clock,
    ) -> None:
        self.now = now
        self.patience_s = settings.kafka_session_timeout_s / 2
        """How old a write may be whose signals are sent: until then nobody else has the partition."""
        self.hold_ms: Millis = round(1000 * (self.patience_s + settings.ack_timeout_s))
        """How long after a write its writer may still be sending."""
        self._event_log = event_log
        self._reader = reader
        self._metrics = metrics
        self._gave_up = False

    @property
    def still_sending(self) -> bool:
        """Whether what was given up may still get there: the producer goes on trying."""
        self._gave_up = self._gave_up and self._event_log.inflight_bytes > 0
        return self._gave_up

    async def send(self, signals: Sequence[Unsent], written: Stopwatch) -> None:
        """Return once all in-sync replicas have them.

        Args:
            written: Runs since before the write that lets us send them.

        Raises:
            Unavailable: it is not known which of them are there, or somebody else may be sending them by now.
        """
        try:
            for begin in range(0, len(signals), RECORDS_PER_APPEND):
                await self._send(signals[begin : begin + RECORDS_PER_APPEND], written)
        except BaseException:
            self._gave_up = True
            raise

    async def _send(self, signals: Sequence[Unsent], written: Stopwatch) -> None:
        if written.seconds > self.patience_s:
            raise Unavailable("too late after the write")
        try:
            await self._event_log.append([_record(signal) for signal in signals])
        except Unstorable as error:
            if len(signals) > 1:
                for signal in signals:
                    await self._send([signal], written)
            else:
                log.error("signal too large", extra={"ticket": signals[0].ticket, "reason": str(error)})
            return
        now = self.now()
        for signal in signals:
            self._metrics.announced(signal.type, max(0.0, (now - signal.true_at) / 1000))

    async def sent_since(self, partition: int, at: Millis) -> set[str]:
        """The ids of the signals on a partition of the topic from about ``at`` on.

        Raises:
            Unavailable: the log does not answer.
        """
        records = await self._reader.since(SIGNALS.name, partition, max(0, at - CLOCKS_APART_MS))
        found = set()
        for record in records:
            try:
                found.add(_read(record.value or b"").signal_id)
            except (msgspec.DecodeError, ValueError):
                continue  # somebody else's
        return found


def _record(signal: Unsent) -> Outgoing:
    return Outgoing(SIGNALS, signal.ticket, signal.value)


class Announcing:
    """One shard's signals, from the judgement to the topic."""

    def __init__(self, herald: Herald, signalling: Signalling, partition: int) -> None:
        self.signalling = signalling
        self.newest_at: Millis = 0
        """When the log took the newest record that the shard has taken."""
        self._behind = True
        self._herald = herald
        self._partition = partition
        self._unsure = signalling.ever_live
        self._since = signalling.told_since(herald.now())
        self._ripe_at = signalling.written_at + herald.hold_ms if signalling.outbox else 0
        self._known: set[str] = set()
        self._written = Stopwatch(herald.now)

    @property
    def now(self) -> Millis:
        return self._herald.now()

    def begin_write(self) -> None:
        """What is written from now on may be sent for as long as nobody else can have gone on."""
        self._written = Stopwatch(self._herald.now)

    @property
    def fresh(self) -> bool:
        """Whether the shard is not behind, to judge by the records that it has taken."""
        return self.newest_at > self.now - (CAUGHT_UP_MS if self._behind else BEHIND_MS)

    @property
    def waiting(self) -> int:
        """How many signals are not on their topic yet, as far as is known."""
        return len(self.signalling.outbox)

    def live(self, *, at_end: bool) -> bool:
        """Whether time may go on for this shard: it has what the log has, or nearly so."""
        self._behind = not (at_end or self.fresh)
        if self._behind:
            return False
        self.signalling.go_on(self.now)
        return True

    @property
    def unsure(self) -> bool:
        """Whether the topic may have some of the outbox, or of what will be in it."""
        return self._unsure

    @property
    def ripe(self) -> bool:
        """Whether nobody can be sending the outbox any more but us."""
        return self.now >= self._ripe_at and not self._herald.still_sending

    async def make_sure(self) -> None:
        """Look which signals of the outbox are there already. The outbox is ours: we have just written it."""
        try:
            self._known |= await self._herald.sent_since(self._partition, self._since)
        except Unavailable as error:
            log.warning("signals cannot be looked up, tries again", extra=self._facts(error))
        else:
            self._unsure = False

    async def send(self) -> None:
        """Send what is written and not there."""
        outbox = self.signalling.outbox
        if self._unsure or not outbox:
            return
        try:
            await self._herald.send(
                [signal for signal in outbox if signal.signal_id not in self._known], self._written
            )
        except Unavailable as error:
            self._doubt(error)
        else:
            outbox.clear()

    def _doubt(self, reason: object) -> None:
        log.warning("signals not sent, tries again", extra=self._facts(reason))
        self._unsure = True
        self._since = min(signal.announced_at for signal in self.signalling.outbox)
        self._ripe_at = self.now + self._herald.hold_ms

    def _facts(self, reason: object) -> dict[str, object]:
        return {"partition": f"{TICKETS.name}[{self._partition}]", "reason": str(reason)}
