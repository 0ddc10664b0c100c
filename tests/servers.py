"""Real servers for tests. Each is an ordinary process, so it does not matter which event loop a test runs in."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient

from services.adapters import local
from services.adapters.child import Child


@dataclass(frozen=True)
class Broker:
    """A Kafka-compatible broker, whichever it is."""

    brokers: str
    embedded: bool
    """It is tansu, which refuses idempotent producers."""


@contextmanager
def tansu() -> Iterator[Broker]:
    """An embedded broker with nothing in it."""
    with local.embedded_broker() as server:
        yield Broker(server.address, embedded=True)


@contextmanager
def valkey() -> Iterator[str]:
    """The URL of an embedded store with nothing in it."""
    with local.embedded_store() as server:
        yield local.redis_url(server)


def redis_missing() -> str | None:
    """Why there can be no Redis here, or None."""
    return None if shutil.which("redis-server") else "redis-server is not installed"


@contextmanager
def redis(*options: str) -> Iterator[str]:
    """The URL of the machine's own redis-server with nothing in it; ``options`` as on its command line."""
    port = local.free_port()
    listener = ["--bind", "127.0.0.1", "--port", str(port)]
    child = Child("Redis", ["redis-server", *listener, "--save", "", "--appendonly", "no", *options])
    try:
        local.wait_until(lambda: local.store_ready(port, child), child)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        child.stop()


def delete_topics(brokers: str) -> None:
    """Delete every topic of ours and return once the broker has forgotten them."""
    # A loop of its own, closed again: fixtures are synchronous, and the test's loop is not running yet.
    with asyncio.Runner() as runner:
        runner.run(drop_topics(brokers))


async def drop_topics(brokers: str) -> None:
    """Delete every topic of ours and return once the broker has forgotten them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        async with asyncio.timeout(20):
            while ours := [name for name in await admin.list_topics() if name.startswith("deskpulse.")]:
                await admin.delete_topics(ours)
    finally:
        await admin.close()
