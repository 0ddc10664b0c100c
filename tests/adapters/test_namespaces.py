"""Which namespace is live, under which policy each is made, and who is with which: on real stores."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from schemas.policy import Economy, Policy
from services.adapters.namespaces import Live, LiveState, Namespaces, policy_key
from services.adapters.state_layout import LAYOUT, META, Meta, pack_meta
from services.adapters.state_store import StateStore
from services.adapters.whereabouts import Whereabouts
from services.errors import Unavailable

WITHIN_S = 10.0
OTHER = Policy(default_priority="high")


@pytest.fixture
async def redis(store_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(store_url) as redis:
        yield redis


async def make(redis: Redis, namespace: str, policy: Policy, partition: int = 0) -> None:
    """Write a shard as a processor would."""
    meta = pack_meta(Meta(layout=LAYOUT, policy=policy.fingerprint(), partitions=2))
    await StateStore(redis, namespace).write("tickets", partition, began=0, ends=1, changes={META: meta})


async def test_nobody_switched(redis: Redis, namespace: str) -> None:
    namespaces = Namespaces(redis)

    assert await namespaces.live(namespace) is None
    assert await namespaces.live_namespace(namespace) == namespace
    assert await namespaces.policy_of(namespace) is None


async def test_the_pointer_says_what_is_live_under_which_policy(redis: Redis, namespace: str) -> None:
    namespaces, other = Namespaces(redis), f"{namespace}-b"
    await namespaces.keep_policy(other, OTHER, 2)
    await namespaces.point(namespace, Live(other, None, 1000, before=namespace))

    assert await namespaces.live(namespace) == Live(other, OTHER, 1000, before=namespace)
    assert await namespaces.live_namespace(namespace) == other
    assert await namespaces.live(other) is None

    await namespaces.point(namespace, None)
    assert await namespaces.live(namespace) is None


async def test_a_kept_policy_is_the_one_that_the_shards_were_made_under(redis: Redis, namespace: str) -> None:
    namespaces = Namespaces(redis)
    assert await namespaces.keep_policy(namespace, Policy(), 2)
    await make(redis, namespace, OTHER, partition=1)

    assert not await namespaces.keep_policy(namespace, Policy(rolling_window_days=7), 2)
    assert await namespaces.policy_of(namespace) == Policy()
    assert await namespaces.keep_policy(namespace, OTHER, 2)
    assert await namespaces.policy_of(namespace) == OTHER


async def test_what_only_changes_the_reading_is_kept_anew(redis: Redis, namespace: str) -> None:
    namespaces, read_otherwise = Namespaces(redis), Policy(economy=Economy(monthly_costs={"rent": 10}))
    await make(redis, namespace, Policy())
    await namespaces.keep_policy(namespace, Policy(), 2)

    assert await namespaces.keep_policy(namespace, read_otherwise, 2)
    assert await namespaces.policy_of(namespace) == read_otherwise


async def test_a_policy_that_this_version_does_not_know_is_none(redis: Redis, namespace: str) -> None:
    await redis.set(policy_key(namespace), b'{"from_the_future": 1}')

    assert await Namespaces(redis).policy_of(namespace) is None


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param(None, LiveState("main", Policy()), id="nobody switched: the settings"),
        pytest.param(Live("b", OTHER, 5), LiveState("b", OTHER, 5), id="the pointer goes before the settings"),
        pytest.param(
            Live("b", Policy(economy=Economy(monthly_costs={"rent": 10})), 5),
            LiveState("b", Policy(), 5),
            id="the file goes before a kept policy of the same state",
        ),
        pytest.param(Live("b", None, 5), LiveState("b", Policy(), 5), id="none is kept: that of the settings"),
    ],
)
def test_what_is_live(live: Live | None, expected: LiveState) -> None:
    assert LiveState.of("main", Policy(), live) == expected


async def test_deleting_a_namespace_spares_those_with_a_longer_name(redis: Redis, namespace: str) -> None:
    namespaces, longer = Namespaces(redis), f"{namespace}-b"
    for name in (namespace, longer):
        await make(redis, name, OTHER)
        await namespaces.keep_policy(name, OTHER, 2)
    held = await namespaces.held(namespace)
    assert (held.shards, held.fields) == (1, 2)
    assert held.size_bytes is not None
    assert held.size_bytes > 0

    await namespaces.delete(namespace)

    assert (await namespaces.held(namespace)).shards == 0
    assert await namespaces.policy_of(namespace) is None
    assert (await namespaces.held(longer)).shards == 1
    assert await namespaces.policy_of(longer) == OTHER


async def test_a_store_that_is_away_is_unavailable() -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        with pytest.raises(Unavailable):
            await Namespaces(nowhere).live("main")


class Program:
    """One that goes where it is told, when it may."""

    def __init__(self) -> None:
        self.moves: asyncio.Queue[str] = asyncio.Queue()
        self.may = asyncio.Event()
        self.may.set()

    async def move(self, live: Live | None) -> str:
        namespace = "nowhere" if live is None else live.namespace
        self.moves.put_nowait(namespace)
        await self.may.wait()
        return namespace


@asynccontextmanager
async def following(redis: Redis, named: str, program: Program) -> AsyncIterator[None]:
    running = asyncio.create_task(Whereabouts(redis, named, "boards", program.move).run())
    try:
        async with asyncio.timeout(WITHIN_S):
            yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def present(redis: Redis, named: str, **expected: int) -> None:
    """Return once just these are counted."""
    while True:
        if await Namespaces(redis).present(named, "boards") == expected:
            return
        await asyncio.sleep(0.01)


async def test_a_program_follows_and_is_counted_where_it_is(redis: Redis, namespace: str) -> None:
    namespaces, program, other = Namespaces(redis), Program(), Program()
    async with following(redis, namespace, program), following(redis, namespace, other):
        await present(redis, namespace, nowhere=2)
        other.may.clear()
        await namespaces.point(namespace, Live("b", None, 1))
        await present(redis, namespace, nowhere=1, b=1)
        assert await namespaces.present_anywhere("boards", "b") >= 1

        other.may.set()
        await present(redis, namespace, b=2)
    assert await namespaces.present(namespace, "processors") == {}


async def test_who_is_on_the_way_turns_round_when_something_else_is_live(redis: Redis, namespace: str) -> None:
    namespaces, program = Namespaces(redis), Program()
    async with following(redis, namespace, program):
        assert await program.moves.get() == "nowhere"
        program.may.clear()
        await namespaces.point(namespace, Live("b", None, 1))
        assert await program.moves.get() == "b"
        await namespaces.point(namespace, Live("c", None, 2))
        assert await program.moves.get() == "c"
        program.may.set()
        await present(redis, namespace, c=1)


async def test_a_move_that_failed_is_made_again(redis: Redis, namespace: str) -> None:
    tried: asyncio.Queue[None] = asyncio.Queue()

    class Hesitant(Program):
        async def move(self, live: Live | None) -> str:
            tried.put_nowait(None)
            if tried.qsize() == 1:
                raise Unavailable("not now")
            return "here"

    async with following(redis, namespace, Hesitant()):
        await present(redis, namespace, here=1)
    assert tried.qsize() == 2


async def test_a_mistake_in_a_move_is_not_hidden(redis: Redis, namespace: str) -> None:
    async def wrong(_: Live | None) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(Whereabouts(redis, namespace, "boards", wrong).run(), WITHIN_S)
