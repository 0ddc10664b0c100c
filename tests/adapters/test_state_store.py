"""What a store that is full or away looks like to those who write."""

import pytest
from redis.asyncio import Redis

from services.adapters.local import free_port
from services.adapters.state_store import StateStore
from services.errors import Unavailable
from tests import servers


async def test_a_full_store_is_away_for_now(namespace: str) -> None:
    if reason := servers.redis_missing():
        pytest.skip(reason)
    with servers.redis("--maxmemory", "2mb", "--maxmemory-policy", "noeviction") as url:
        async with Redis.from_url(url) as redis:
            store = StateStore(redis, namespace)

            async def fill() -> None:
                for began in range(100):
                    value = {b"e%d" % began: b"x" * 100_000}
                    await store.write("tickets", 0, began=began, ends=began + 1, changes=value)

            with pytest.raises(Unavailable, match="refuses for now"):
                await fill()

            reached, _ = await store.read("tickets", 0, [])
            assert 0 < reached < 100, "and what it took is there"


async def test_a_store_that_only_replicates_is_away_for_now(namespace: str) -> None:
    if reason := servers.redis_missing():
        pytest.skip(reason)
    with servers.redis("--replicaof", "127.0.0.1", str(free_port())) as url:
        async with Redis.from_url(url) as redis:
            with pytest.raises(Unavailable):
                await StateStore(redis, namespace).write("tickets", 0, began=0, ends=1, changes={b"e1": b"x"})


async def test_no_store_at_all() -> None:
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as redis:
        with pytest.raises(Unavailable, match="does not answer"):
            await StateStore(redis, "nobody").read("tickets", 0, [])
