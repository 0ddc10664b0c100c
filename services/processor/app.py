"""The processor: a Faust worker whose batches go to shards.

Two seams of Faust carry it (docs/adr/0003): `PartitionBatches` decides what Faust hands to the stream, and
`StoreLedConsumer` where it starts to read.
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from types import SimpleNamespace
from typing import Any, NoReturn

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from prometheus_client import CollectorRegistry, start_http_server
from redis.asyncio import Redis

from schemas import topics
from schemas.policy import Policy
from services.adapters.event_log import open_event_log, wait_for_topics
from services.adapters.log_reader import Record, open_log_reader
from services.adapters.metrics import ProcessorMetrics
from services.adapters.namespaces import LiveState
from services.adapters.policy_file import load_policy
from services.adapters.state_store import StateStore
from services.config import Settings
from services.core.rules import Rules
from services.errors import Misconfigured
from services.processor.announcing import Herald
from services.processor.movement import Movement, live_at_first, made_from
from services.processor.shard import HOT_ENTITIES
from services.processor.shards import Shards
from services.processor.watchdog import watched

log = logging.getLogger(__name__)

UNEXPECTED = 70
"""Exit code after an exception that nobody expected: the next start begins at the store's `next`."""
UNAVAILABLE = 75
"""Exit code when a neighbour is away for too long."""
INSPECT_S = 30.0
ANNOUNCE_S = 0.25
"""How often is looked what time alone has made true."""
TAKE_OVER_S = 30.0
"""How long taking partitions over may take. Faust stops waiting after 90 s, and then never reads again."""
COLLECT = (100_000, 50, 100)
"""When Python looks for reference cycles: ours are rare and our objects many, and its defaults cost a fifth."""
FETCH_WAIT_MS = 100
"""How long a broker may hold a fetch open. Faust's 1.5 s let the embedded broker answer up to a second late."""


class PartitionBatches:
    """One message for each topic-partition and fetch; its value is the list of Kafka records."""

    shards: Shards

    def iterate(self, records: Mapping[TP, Sequence[Record]]) -> Iterator[tuple[TP, SimpleNamespace]]:
        for tp, batch in records.items():
            self.shards.recognise(tp, batch)  # here, since Faust drops what it has read before
            last = batch[-1]
            yield (
                tp,
                SimpleNamespace(
                    topic=last.topic,
                    partition=last.partition,
                    offset=last.offset,
                    timestamp=last.timestamp,
                    timestamp_type=last.timestamp_type,
                    key=None,
                    value=batch,
                    headers=(),
                    checksum=None,
                    serialized_key_size=0,
                    serialized_value_size=0,
                ),
            )


class PromptFetches(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with our FETCH_WAIT_MS, which is no setting of Faust's."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # read when it starts
        return consumer


class StoreLedConsumer(driver.Consumer):
    """Reads on from the store's `next`, not from the group's committed offsets."""

    shards: Shards

    def _new_consumer_thread(self) -> PromptFetches:
        return PromptFetches(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust calls this after every rebalance, before its streams run again."""
        try:
            async with asyncio.timeout(TAKE_OVER_S):
                positions = await self.shards.assign(self.assignment())
        except TimeoutError:
            _end_unavailable()
        await self.seek_wait(positions)  # not `seek`: that one reaches into the consumer's thread while it reads
        self.pause_partitions(self.shards.halted)
        return positions

    async def read_again(self, tp: TP, offset: int) -> None:
        """Go back, or on, to ``offset``; nothing to do for a partition that was taken away meanwhile."""
        with suppress(IllegalStateError):
            await self.seek_wait({tp: offset})


def build_app(settings: Settings, shards: Shards, metrics: ProcessorMetrics) -> faust.App:
    """Wire the topics to the shards. Nothing connects until the app starts."""
    app = faust.App(
        settings.kafka_group,
        broker="kafka://" + ";".join(broker.strip() for broker in settings.kafka_brokers.split(",")),
        ConsumerScheduler=type("Batches", (PartitionBatches,), {"shards": shards}),
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        broker_session_timeout=settings.kafka_session_timeout_s,
        broker_heartbeat_interval=settings.kafka_session_timeout_s / 3,
        broker_rebalance_timeout=30.0,
        broker_commit_interval=5.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=16,
        datadir=str(Path(gettempdir()) / f"deskpulse-processor-{os.getuid()}"),
    )
    consumer = type("Consumer", (StoreLedConsumer,), {"shards": shards})
    app.transport = type("Transport", (driver.Transport,), {"Consumer": consumer})(app.conf.broker_consumer, app)
    measured = app.topic(*(topic.name for topic in topics.MEASURED), key_serializer="raw", value_serializer="raw")

    @app.agent(measured, name="absorb", concurrency=1)
    async def absorb(stream: "faust.StreamT[object]") -> None:
        async for event in stream.events():
            try:
                await _absorb(app, shards, event.message.tp, event.message.value)
            except asyncio.CancelledError:
                raise
            except BaseException:
                log.exception("unexpected: this worker ends, the next begins at the store's next offset")
                os._exit(UNEXPECTED)

    async def forget(_: faust.App, revoked: set[TP], **__: object) -> None:
        await shards.release(revoked)
        metrics.rebalances.labels(settings.kafka_group).inc()

    async def announce(_: faust.App) -> None:
        looks: set[asyncio.Task[None]] = set()
        while not app.should_stop:
            await app.sleep(ANNOUNCE_S)
            look = asyncio.create_task(_announce(app, shards))
            looks.add(look)
            look.add_done_callback(looks.discard)
        for look in looks:
            look.cancel()

    async def inspect(_: faust.App) -> None:
        await shards.inspect()
        app.consumer.pause_partitions(shards.halted)

    if settings.signals:
        app.task(announce)
    app.on_partitions_revoked.connect(forget)  # type: ignore[arg-type]
    app.timer(INSPECT_S)(inspect)
    return app


async def _announce(app: faust.App, shards: Shards) -> None:
    try:
        for tp, offset in (await shards.announce()).items():
            await _read_again(app, shards, tp, offset)
    except asyncio.CancelledError:
        raise
    except BaseException:
        log.exception("unexpected: this worker ends, the next begins at the store's next offset")
        os._exit(UNEXPECTED)


async def _absorb(app: faust.App, shards: Shards, tp: TP, records: Sequence[Record]) -> None:
    await _read_again(app, shards, tp, await shards.absorb(tp, records))


async def _read_again(app: faust.App, shards: Shards, tp: TP, again: int | None) -> None:
    if tp in shards.halted:
        app.consumer.pause_partitions({tp})
    elif again is not None and isinstance(app.consumer, StoreLedConsumer):
        await app.consumer.read_again(tp, again)


@dataclass(frozen=True)
class Worker:
    """A Faust app and the shards that it feeds."""

    app: faust.App
    shards: Shards
    follow: Callable[[], Coroutine[Any, Any, None]] | None
    """Moves to the state that is live, for as long as it runs; None where it makes one state and no other."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping`` is set, or until Faust cannot go on, which ends the process."""
        self.app.finalize()
        signalled = asyncio.create_task(stopping.wait())
        started = asyncio.create_task(self.app.start())
        await asyncio.wait({signalled, started}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
        crashed = asyncio.create_task(self.app.wait_until_stopped())
        following = [] if self.follow is None else [asyncio.create_task(self.follow())]
        await asyncio.wait({signalled, crashed, *following}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.is_set():
            log.error("the worker cannot go on: %s", self.app.crash_reason, exc_info=_failure(following))
            os._exit(UNEXPECTED)
        for task in following:
            task.cancel()
        await self.app.stop()
        for each in (signalled, started, crashed):
            each.cancel()


def _failure(tasks: Iterable["asyncio.Task[None]"]) -> BaseException | None:
    return next((task.exception() for task in tasks if task.done()), None)


@asynccontextmanager
async def open_processor(settings: Settings, beside: Policy | None = None) -> AsyncIterator[Worker]:
    """A worker with everything that it needs, ready to start.

    Args:
        beside: Make the state of the settings' namespace under this policy, whatever is live. Left out, the worker
            makes the live state, and goes with it when it is switched.
    """
    configured = beside or load_policy(settings.policy)
    registry = CollectorRegistry()
    metrics = ProcessorMetrics(registry, settings.kafka_group)
    await wait_for_topics(settings)
    async with (
        Redis.from_url(settings.redis_url, socket_timeout=10, socket_connect_timeout=5) as redis,
        open_log_reader(settings) as reader,
        open_event_log(settings) as event_log,
    ):
        state = LiveState(settings.namespace, configured)
        if beside is None:
            state = await _live(redis, settings.namespace, configured)
        origin = replace(made_from(state, settings.partitions), beside=beside is not None)
        store = StateStore(redis, state.namespace)
        herald = Herald(event_log, reader, metrics, settings) if settings.signals else None
        shards = Shards(store, reader, event_log, Rules(state.policy), origin, metrics, HOT_ENTITIES, herald)
        app = build_app(settings, shards, metrics)
        movement = Movement(app, shards, redis, settings, configured, state)
        with _metrics_served(settings, registry), watched(app, shards, metrics):
            yield Worker(app, shards, movement.run if beside is None else None)


async def _live(redis: Redis, named: str, configured: Policy) -> LiveState:
    try:
        async with asyncio.timeout(TAKE_OVER_S):
            return await live_at_first(redis, named, configured)
    except TimeoutError:
        _end_unavailable()


def _end_unavailable() -> NoReturn:
    log.error("the store or the log is away: this worker ends, the next tries again")
    os._exit(UNAVAILABLE)


@contextmanager
def _metrics_served(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    try:
        server, thread = start_http_server(settings.processor_port, settings.processor_host, registry)
    except OSError as error:
        raise Misconfigured(
            f"port {settings.processor_port} for the processor's metrics cannot be used ({error.strerror}); "
            "another one is set with DESKPULSE_PROCESSOR_PORT"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM, or until Faust cannot go on."""
    gc.set_threshold(*COLLECT)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stopping = until_signalled()
    async with open_processor(settings) as worker:
        await worker.run(stopping)


def until_signalled() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
