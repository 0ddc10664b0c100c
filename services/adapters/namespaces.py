"""Namespaces: states beside each other in one store, and which of them is live.

Settings name a namespace. What is live for it is that namespace itself until `deskpulse switch` writes a pointer that
names another one. Programs look at the pointer and are told of a change; whom they follow shows in the channels that
they listen to, so that the one who switches can wait for them.

| key or channel | holds |
|---|---|
| `dp:<namespace>:policy` | the policy document that the state is made under |
| `dp:<named>:live` | the pointer: which namespace is live for the one that settings name, and since when |
| `dp:<named>:switched` | a channel: told whenever the pointer is written |
| `dp:<named>:<programs>:<namespace>` | a channel: those who listen are there, and nothing is ever said |
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from schemas.codec import Millis
from schemas.policy import Policy
from services.adapters.cancellation import heed_cancellation, heeded
from services.adapters.shard_states import made_under, shard_states
from services.adapters.state_store import StateStore
from services.errors import Unavailable

log = logging.getLogger(__name__)

_CONFIRM_S = 1.0
Programs = Literal["processors", "boards", "replays"]


class Pointer(msgspec.Struct, frozen=True):
    """Which namespace is live, as it is stored."""

    namespace: str
    since: Millis
    before: str
    """The namespace that was live until then."""


@dataclass(frozen=True)
class Live:
    """What a pointer comes to."""

    namespace: str
    policy: Policy | None
    """What the namespace's state is made under; None where nobody kept it."""
    since: Millis
    before: str = ""
    """The namespace that was live until then."""


@dataclass(frozen=True)
class LiveState:
    """The state that a program makes or shows."""

    namespace: str
    policy: Policy
    since: Millis | None = None
    """When it was switched to; None where nobody ever switched."""
    before: str = ""
    """The namespace that was live until then."""

    @classmethod
    def of(cls, named: str, configured: Policy, live: Live | None) -> "LiveState":
        """What is live where the settings say ``named`` and ``configured``; the pointer goes before them.

        A policy file that keeps the same state goes before the kept document: it may read that state otherwise.
        """
        if live is None:
            return cls(named, configured)
        kept = live.policy
        same = kept is None or kept.fingerprint() == configured.fingerprint()
        return cls(live.namespace, configured if same or kept is None else kept, live.since, live.before)

    def log_surprises(self, named: str, configured: Policy) -> None:
        """Say in the log where this is not what the settings say."""
        if self.namespace != named:
            log.info("another namespace is live", extra={"named": named, "live": self.namespace})
        if self.policy.fingerprint() != configured.fingerprint():
            log.warning(
                "the policy in force is not that of DESKPULSE_POLICY: the live namespace has its own, and what the "
                "file changes begins with `deskpulse replay` and `deskpulse switch`",
                extra={
                    "namespace": self.namespace,
                    "in_force": self.policy.fingerprint(),
                    "settings": configured.fingerprint(),
                },
            )


@dataclass(frozen=True)
class Held:
    """What a namespace takes of the store."""

    shards: int
    fields: int
    size_bytes: int | None
    """None where the store does not tell."""


def policy_key(namespace: str) -> str:
    return f"dp:{namespace}:policy"


def pointer_key(named: str) -> str:
    return f"dp:{named}:live"


def switched_channel(named: str) -> str:
    return f"dp:{named}:switched"


def presence_channel(named: str, programs: str, namespace: str) -> str:
    return f"dp:{named}:{programs}:{namespace}"


class Namespaces:
    """The namespaces of one store. Every method raises Unavailable when the store does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def policy_of(self, namespace: str) -> Policy | None:
        """The policy that was kept for a namespace; None where there is none, or none that this version reads."""
        packed = await _answer(lambda: self._redis.get(policy_key(namespace)))
        if packed is None:
            return None
        try:
            return Policy.model_validate_json(packed)
        except ValidationError as error:
            log.warning("a kept policy cannot be read", extra={"namespace": namespace, "reason": str(error)})
            return None

    async def keep_policy(self, namespace: str, policy: Policy, partitions: int) -> bool:
        """Keep the policy of a namespace, unless its state is made under another one.

        Returns:
            Whether it is kept.
        """
        made = made_under(await shard_states(StateStore(self._redis, namespace), partitions))
        if made - {policy.fingerprint()}:
            return False
        document = policy.model_dump_json(by_alias=True)
        await _answer(lambda: self._redis.set(policy_key(namespace), document))
        return True

    async def known(self) -> list[str]:
        """Every namespace that a policy is kept of, by name."""

        async def found() -> list[bytes]:
            return [key async for key in self._redis.scan_iter(match=policy_key("*"), count=1000)]

        first, last = policy_key("*").split("*")
        keys: list[bytes] = await _answer(found)
        return sorted(key.decode().removeprefix(first).removesuffix(last) for key in keys)

    async def pointer(self, named: str) -> Pointer | None:
        """The pointer as it stands; None where nobody ever switched."""
        packed = await _answer(lambda: self._redis.get(pointer_key(named)))
        return None if packed is None else msgspec.json.decode(packed, type=Pointer)

    async def live(self, named: str) -> Live | None:
        """What is live for the namespace of the settings; None where nobody ever switched: it is live itself."""
        pointer = await self.pointer(named)
        return None if pointer is None else await self.resolved(pointer)

    async def resolved(self, pointer: Pointer) -> Live:
        """What a pointer comes to."""
        return Live(pointer.namespace, await self.policy_of(pointer.namespace), pointer.since, pointer.before)

    async def live_namespace(self, named: str) -> str:
        """The namespace that is live."""
        pointer = await self.pointer(named)
        return named if pointer is None else pointer.namespace

    async def point(self, named: str, live: Live | None) -> None:
        """Write the pointer, in one piece, and tell everybody; None takes it away.

        The policy of ``live`` is the one that its namespace has: it is not written.
        """
        key = pointer_key(named)
        if live is None:
            await _answer(lambda: self._redis.delete(key))
        else:
            packed = msgspec.json.encode(Pointer(live.namespace, live.since, live.before))
            await _answer(lambda: self._redis.set(key, packed))
        await _answer(lambda: self._redis.publish(switched_channel(named), b""))

    async def now(self) -> Millis:
        """The store's own clock, which is the same for everybody."""
        seconds, micros = await _answer(lambda: self._redis.time())
        return int(seconds) * 1000 + int(micros) // 1000

    async def live_somewhere(self, namespace: str) -> bool:
        """Whether any pointer names it."""

        async def found() -> list[bytes]:
            return [key async for key in self._redis.scan_iter(match=pointer_key("*"), count=1000)]

        pointers = [await self._redis.get(key) for key in await _answer(found)]
        return any(msgspec.json.decode(each, type=Pointer).namespace == namespace for each in pointers if each)

    async def present(self, named: str, programs: Programs) -> Mapping[str, int]:
        """How many programs of a kind are with which namespace now."""
        return await self._counted(presence_channel(named, programs, "*"))

    async def present_anywhere(self, programs: Programs, namespace: str) -> int:
        """How many programs of a kind are with ``namespace``, whatever their settings name."""
        return sum((await self._counted(f"dp:*:{programs}:{namespace}")).values())

    async def _counted(self, pattern: str) -> Mapping[str, int]:
        channels = await _answer(lambda: self._redis.pubsub_channels(pattern))
        if not channels:
            return {}
        counted = await _answer(lambda: self._redis.pubsub_numsub(*channels))
        found: dict[str, int] = {}
        for channel, count in counted:
            namespace = channel.decode().rpartition(":")[2]
            found[namespace] = found.get(namespace, 0) + int(count)
        return {namespace: count for namespace, count in found.items() if count}

    @asynccontextmanager
    async def presence(self, named: str, programs: Programs, namespace: str) -> AsyncIterator[None]:
        """Be counted as being with ``namespace`` while the block runs."""
        async with self._redis.pubsub() as pubsub:
            await _answer(lambda: pubsub.subscribe(presence_channel(named, programs, namespace)))
            await _answer(lambda: pubsub.get_message(timeout=_CONFIRM_S))  # the confirmation
            listening = asyncio.create_task(_stay_subscribed(pubsub))
            try:
                yield
            finally:
                listening.cancel()
                await asyncio.wait([listening])

    async def held(self, namespace: str) -> Held:
        """What a namespace takes of the store."""
        keys = await self._shard_keys(namespace)
        fields, sizes = 0, []
        for key in keys:
            fields += await _answer(lambda key=key: self._redis.hlen(key))  # type: ignore[misc]
            with contextlib.suppress(Unavailable):  # not every hosted store lets its users ask
                sizes.append(await _answer(lambda key=key: self._redis.memory_usage(key)))  # type: ignore[misc]
        return Held(len(keys), fields, sum(sizes) if len(sizes) == len(keys) else None)

    async def delete(self, namespace: str) -> None:
        """Delete the state of a namespace and its policy. What is live is the caller's to spare."""
        keys: list[Any] = [policy_key(namespace), *await self._shard_keys(namespace)]
        await _answer(lambda: self._redis.unlink(*keys))

    async def _shard_keys(self, namespace: str) -> list[bytes]:
        async def found() -> list[bytes]:
            return [key async for key in self._redis.scan_iter(match=f"dp:{{{namespace}:*}}", count=1000)]

        return sorted(await _answer(found))


async def _stay_subscribed(pubsub: PubSub) -> None:
    """Who reads notices that the store was away, and subscribes again."""
    while True:
        heed_cancellation()
        try:
            await pubsub.get_message(ignore_subscribe_messages=True, timeout=_CONFIRM_S)
        except (RedisError, OSError):
            await asyncio.sleep(_CONFIRM_S)


async def _answer(ask: Callable[[], Awaitable[Any] | Any]) -> Any:
    try:
        return await heeded(cast(Awaitable[Any], ask()))
    except (RedisError, OSError) as error:
        raise Unavailable(f"the store does not answer: {error}") from error
