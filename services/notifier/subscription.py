"""One endpoint's part in the log: a consumer group of its own, from which its courier is fed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import SIGNALS
from services.adapters.log_reader import Record
from services.adapters.signal_endpoints import Endpoint
from services.config import Settings
from services.errors import Unavailable
from services.notifier.courier import Courier, Surroundings, append_for_sure, dead_letter
from services.notifier.message import NO_SIGNAL, clock_of, read_signal, wanted
from services.notifier.outstanding import Delivery
from services.notifier.posting import Poster
from services.notifier.progress import Committed, Progress

log = logging.getLogger(__name__)

COMMIT_S = 1.0
RECONNECT_S = 1.0
HAND_OVER_S = 3.0
"""How long running attempts may take when partitions go to another notifier: it waits for us."""
STOP_S = 5.0
"""How long running attempts may take when we end."""
CLOSE_S = 2.0
"""How long a broker may take to hear what is committed, and to let us go."""
LOOK_S = 15.0
POLL_MS = 500
REMEMBERED = 10_000
FETCH_WAIT_MS = 100
"""How long a broker may hold a fetch open; the embedded one answers late with more."""
NEVER_MS = 2**31 - 1
"""A full courier reads nothing for as long as its endpoint is away, and is as alive as ever."""


class Subscription(ConsumerRebalanceListener):
    """Reads the signals for one endpoint and commits those that are done with. Other endpoints know nothing of it."""

    def __init__(self, settings: Settings, endpoint: Endpoint, poster: Poster, around: Surroundings) -> None:
        self.endpoint = endpoint
        self.group = f"{settings.kafka_group}-notify-{endpoint.name}"
        self._settings = settings
        self._around = around
        self._courier = Courier(endpoint, poster, around, self._finished)
        self._consumer: AIOKafkaConsumer | None = None
        self._progress: dict[TopicPartition, Progress] = {}
        self._committed: dict[TopicPartition, Committed] = {}
        self._told: dict[str, None] = {}
        """The newest signals that were for this endpoint, by id: their withdrawals are as well."""
        self._joined = False
        self._failed: Exception | None = None

    @property
    def joined(self) -> bool:
        """Whether the group has said what is ours to read."""
        return self._joined

    async def run(self) -> None:
        """Deliver until cancelled; attempts that run then may end within `STOP_S`.

        Raises:
            Exception: whatever nobody expected.
        """
        tasks = [asyncio.create_task(self._keep_reading()), asyncio.create_task(self._courier.run())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_reading(self) -> None:
        told = ""
        while True:
            try:
                async with self._opened() as consumer:
                    await self._read(consumer)
            except (KafkaError, Unavailable, OSError) as error:
                if told != str(error):
                    told = str(error)
                    facts = {"endpoint": self.endpoint.name, "reason": told}
                    log.warning("signals cannot be read, tries again", extra=facts)
            await asyncio.sleep(RECONNECT_S)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AIOKafkaConsumer]:
        session_ms = int(self._settings.kafka_session_timeout_s * 1000)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_brokers,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # of a place that retention has overtaken; a new group's is set by us
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            max_poll_interval_ms=NEVER_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        self._failed, self._consumer = None, consumer
        consumer.subscribe([SIGNALS.name], listener=self)
        committing = asyncio.create_task(self._keep_committing())
        try:
            await consumer.start()
            yield consumer
        finally:
            await self._let_go(STOP_S)
            committing.cancel()
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(CLOSE_S):
                    await consumer.stop()
            self._consumer = None

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while self._failed is None:
            await self._courier.has_room()
            by_place = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._courier.room)
            for place, records in by_place.items():
                await self._take_in(place, records)
        raise Unavailable(f"the group {self.group} does not say where to read: {self._failed}")

    async def _take_in(self, place: TopicPartition, records: Iterable[Record]) -> None:
        progress = self._progress.get(place)
        for record in records:
            if not self._joined or progress is None or self._progress.get(place) is not progress:
                return  # the group decides anew; what is not done with is read again
            if not progress.begin(record.offset):
                continue
            value = record.value or b""
            try:
                signal = read_signal(value)
            except NO_SIGNAL as error:
                await self._set_aside(value, str(error))
                progress.finish(record.offset)
                continue
            if wanted(signal, self.endpoint, self._told):
                self._remember(signal.signal_id)
                if signal.type == "sla.breached":
                    self._remember(clock_of(signal))
                self._courier.take(Delivery(signal, place, record.offset, record.timestamp / 1000))
            else:
                progress.finish(record.offset)

    def _remember(self, name: str) -> None:
        self._told[name] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]

    async def _set_aside(self, value: bytes, reason: str) -> None:
        name = self.endpoint.name
        log.warning("a record of the signals is none", extra={"endpoint": name, "reason": reason})
        about = {"reason": "no_signal", "endpoint": name, "detail": reason, "attempts": "0"}
        await append_for_sure(self._around.event_log, dead_letter(value, about))
        self._around.metrics.deliveries.labels(name, "unreadable").inc()

    def _finished(self, delivery: Delivery) -> None:
        self._progress[delivery.place].finish(delivery.offset)

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_S)
            await self._commit()

    async def _commit(self) -> None:
        """Commit what is done with. A failure costs repeats at worst; the next time commits the same and more."""
        reached = {place: progress.committed for place, progress in self._progress.items()}
        news = {place: it for place, it in reached.items() if it != self._committed.get(place)}
        if not news or self._consumer is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._consumer.commit({place: (it.offset, it.text) for place, it in news.items()})
        except (KafkaError, TimeoutError) as error:
            log.info("not committed", extra={"endpoint": self.endpoint.name, "reason": str(error) or "no answer"})
            return
        self._committed |= news

    async def _let_go(self, within_s: float) -> None:
        self._joined = False
        await self._courier.settle(within_s)
        await self._commit()
        self._progress, self._committed = {}, {}

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group decides anew who reads what."""
        await self._let_go(HAND_OVER_S)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Go on where the group has come to."""
        try:
            await self._take_over(list(assigned))
        except Exception as error:  # whoever calls us would log it and read from anywhere
            self._failed = error

    async def _take_over(self, places: list[TopicPartition]) -> None:
        assert self._consumer is not None
        async with asyncio.timeout(LOOK_S):
            known = await self._what_is_committed(places)
            begins = await self._where_new_ones_begin([place for place in places if place not in known])
        self._committed = dict(known)
        for place, committed in (known | begins).items():
            self._progress[place] = Progress(committed)
            self._consumer.seek(place, committed.offset)
        await self._commit()
        self._courier.resume()
        self._joined = True

    async def _what_is_committed(self, places: list[TopicPartition]) -> dict[TopicPartition, Committed]:
        if not places:
            return {}
        admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka_brokers, request_timeout_ms=5000)
        try:
            await admin.start()
            found = await admin.list_consumer_group_offsets(self.group, partitions=places)
        finally:
            await admin.close()
        return {place: Committed(it.offset, it.metadata or "") for place, it in found.items() if it.offset >= 0}

    async def _where_new_ones_begin(self, places: list[TopicPartition]) -> dict[TopicPartition, Committed]:
        """A new endpoint gets what comes from now on.

        The embedded broker's log is as old as this start of everything, and its end reads low; so all of it is new.
        """
        if not places or self._consumer is None:
            return {}
        if self._settings.embedded_broker:
            found = await self._consumer.beginning_offsets(places)
        else:
            found = await self._consumer.end_offsets(places)
        return {place: Committed(int(offset)) for place, offset in found.items()}
