"""An in-memory copy of all cells that follows the store: read once, then kept up by what the processor announces.

The board only reads. An announcement names the fields that a write changed; they are read afresh. What is read may be
newer than the announcement, so cells of two states may stand side by side for a moment. That is harmless: every later
write announces its fields as well, in order, so whatever was read too early is read again once its last change is
announced; then the copy is exact.

What announcements miss (a lost message, a writer that died before it spoke, a store that went back or was replaced)
shows once a second in `next` and `meta` of every shard; such a shard is read whole.
"""

import asyncio
import gc
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from schemas.codec import Millis
from schemas.topics import AGENTS, MEASURED, TICKETS
from services.adapters.cancellation import heed_cancellation
from services.adapters.state_layout import Change, Field, Meta, changes_channel, unpack_change, unpack_meta
from services.adapters.state_store import StateStore
from services.board.columns import Columns, Shard
from services.board.freshness import Reading
from services.board.shard_copy import ShardCopy, WentBack
from services.errors import Unavailable

log = logging.getLogger(__name__)

POLL_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
LOADS_AT_ONCE = 4
CHANGES_AT_ONCE = 1000


def all_shards(partitions: int) -> list[Shard]:
    """Every shard that the processor writes."""
    return [(topic.stream, partition) for topic in MEASURED for partition in range(partitions)]


class Reached(NamedTuple):
    """How far a shard has come."""

    next: int
    """The offset of the log up to which, and without which, everything is counted."""
    watermark: Millis
    """The newest event in it; 0 before the first."""


class Follower:
    """Keeps `columns` like the store for as long as `run` runs."""

    def __init__(
        self,
        redis: Redis,
        namespace: str,
        shards: Sequence[Shard],
        now: Callable[[], Millis],
        policy: str,
        changed: asyncio.Event | None = None,
    ) -> None:
        """``policy`` is the fingerprint of the board's own; state under another one is told, and shown."""
        self.columns = Columns()
        self.changed = changed or asyncio.Event()
        """Set when a figure may have changed; the one who waits for it clears it."""
        self.loaded = asyncio.Event()
        """Set for good once every shard was read."""
        self.hear: Callable[[Collection[Field] | None], None] = lambda fields: None
        """Told what a write changed of tickets, once it can be read; None: anything may have changed."""
        self._redis = redis
        self._store = StateStore(redis, namespace)
        self._channel = changes_channel(namespace)
        self._now = now
        self._policy = policy
        self._other_policy = False
        self._shards = list(shards)
        self._copies = {shard: ShardCopy(self._store, self.columns, shard) for shard in shards}
        self._polled: dict[Shard, int] = {}
        self._read_at: Millis | None = None
        self._answering = False
        self._newest: Millis = 0
        self._advanced_at: Millis | None = None

    @property
    def reading(self) -> Reading:
        """How the reading goes."""
        return Reading(
            read_at=self._read_at,
            answering=self._answering,
            tickets_at=self._watermark(TICKETS.stream),
            agents_at=self._watermark(AGENTS.stream),
            advanced_at=self._advanced_at,
            other_policy=self._other_policy,
        )

    @property
    def policies(self) -> frozenset[str]:
        """Fingerprints of the policies that the state was made under: other ones make other figures."""
        return frozenset(copy.meta.policy for copy in self._copies.values() if copy.meta.policy)

    @property
    def reached(self) -> Mapping[Shard, Reached]:
        """How far each shard has come."""
        return {shard: Reached(max(copy.next, 0), copy.meta.watermark) for shard, copy in self._copies.items()}

    async def run(self) -> None:
        """Follow until cancelled. While the store is away the columns stay as they are."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._subscribed() as announcements:
                    await self._catch_up()
                    pause_s = FIRST_PAUSE_S
                    await self._follow(announcements)
            except (Unavailable, RedisError, OSError) as error:
                heed_cancellation()
                if self._answering or self._read_at is None:
                    log.warning("store away", extra={"reason": str(error)})
                self._answering = False
                self.changed.set()
                for copy in self._copies.values():
                    copy.distrust()
                await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # spreads load, guards nothing
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[PubSub]:
        """Announcements from now on: what is read after this misses none."""
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            if await pubsub.get_message(timeout=LONGEST_PAUSE_S) is None:
                raise Unavailable("the store does not confirm a subscription")
            yield pubsub

    async def _catch_up(self) -> None:
        """Read whole every shard that is not where its copy is."""
        answers = await self._asked()
        self._polled.clear()
        gate = asyncio.Semaphore(LOADS_AT_ONCE)

        async def load(shard: Shard) -> None:
            async with gate:
                await self._load(shard)

        # A million small objects come that all stay: looking through them for garbage took a seventh of the start.
        gc.disable()
        away = [shard for shard, (held, meta) in answers.items() if not self._is_at(shard, held, meta)]
        loads = [asyncio.create_task(load(shard)) for shard in away]
        try:
            # Not a TaskGroup: before Python 3.12 one that fails loses a cancellation, and leaves one counted that
            # nobody asked for.
            await asyncio.gather(*loads)
        finally:
            for each in loads:
                each.cancel()
            await asyncio.gather(*loads, return_exceptions=True)
            gc.enable()
        self.columns.settle()
        self._answered()

    async def _follow(self, announcements: PubSub) -> None:
        """Returns when announcements were missed."""
        clock = asyncio.get_running_loop()
        poll_due = clock.time() + POLL_S
        while True:
            heed_cancellation()
            changes = await _heard(announcements, timeout_s=max(poll_due - clock.time(), 0))
            if changes:
                await self._absorb(changes)
            if clock.time() >= poll_due:
                if not await self._in_step():
                    return
                poll_due = clock.time() + POLL_S

    async def _absorb(self, changes: Iterable[Change]) -> None:
        by_shard: dict[Shard, list[Change]] = defaultdict(list)
        for change in changes:
            by_shard[change[0], change[1]].append(change)
        for shard, theirs in by_shard.items():
            if (copy := self._copies.get(shard)) is None:
                continue  # a processor with more partitions than our settings say
            step = _one_step(copy.next, theirs)
            try:
                if step is None:
                    await self._load(shard)
                elif step[0] > copy.next:
                    await copy.refresh(step[1], step[0])
                    if shard[0] == TICKETS.stream:
                        self.hear(step[1])
            except WentBack:
                await self._load(shard)
        self._answered()
        self.changed.set()

    async def _in_step(self) -> bool:
        """Whether every copy is where the store is, give or take what is being announced just now."""
        before = {shard: copy.next for shard, copy in self._copies.items()}
        answers = await self._asked()
        in_step = True
        async with self.columns.unchanged:
            for shard, (held, meta) in answers.items():
                copy = self._copies[shard]
                replaced = held == copy.meta_next and (meta.last, meta.policy) != (copy.meta.last, copy.meta.policy)
                missed = copy.next < self._polled.get(shard, 0)  # a second later it still was not announced
                if held < before[shard] or replaced or missed:
                    in_step = False
                else:
                    copy.note(held, meta)
                self._polled[shard] = held
        self._answered()
        return in_step

    async def _asked(self) -> dict[Shard, tuple[int, Meta]]:
        answers = await self._store.nexts(self._shards)
        return {s: (held, unpack_meta(meta)) for s, (held, meta) in zip(self._shards, answers, strict=True)}

    def _is_at(self, shard: Shard, held: int, meta: Meta) -> bool:
        copy = self._copies[shard]
        return copy.next == held == copy.meta_next and (copy.meta.last, copy.meta.policy) == (meta.last, meta.policy)

    async def _load(self, shard: Shard) -> None:
        while True:
            try:
                await self._copies[shard].load()
            except WentBack:
                continue
            log.debug("shard read", extra={"shard": shard, "next": self._copies[shard].next})
            if shard[0] == TICKETS.stream:
                self.hear(None)
            self.changed.set()
            return

    def _answered(self) -> None:
        self._read_at = self._now()
        self.loaded.set()
        if not self._answering:
            self._answering = True
            log.info("store answers")
            self.changed.set()
        self._compare_policies()
        newest = max((copy.meta.watermark for copy in self._copies.values()), default=0)
        if newest > self._newest:
            self._advanced_at = self._read_at
        self._newest = newest

    def _compare_policies(self) -> None:
        others = self.policies - {self._policy}
        if bool(others) == self._other_policy:
            return
        self._other_policy = bool(others)
        self.changed.set()
        if others:
            log.warning(
                "the state was made under another policy than this board's: its figures mix two meanings; give board "
                "and processor the same DESKPULSE_POLICY",
                extra={"board": self._policy, "state": ", ".join(sorted(others))},
            )
        else:
            log.info("board and state have the same policy again")

    def _watermark(self, stream: str) -> Millis | None:
        newest = max((c.meta.watermark for (s, _), c in self._copies.items() if s == stream), default=0)
        return newest or None


def _one_step(held: int, changes: Iterable[Change]) -> tuple[int, set[Field]] | None:
    """Where announced writes lead from ``held``, and all that they changed; None when one of them is missing."""
    fields: set[Field] = set()
    for _, _, began, ends, names in changes:
        if ends <= held:
            continue
        if began != held:
            return None
        held = ends
        fields.update(names)
    return held, fields


async def _heard(announcements: PubSub, timeout_s: float) -> list[Change]:
    """What was announced: waits for the first one, then takes all that have come."""
    changes: list[Change] = []
    while len(changes) < CHANGES_AT_ONCE:
        message = await announcements.get_message(ignore_subscribe_messages=True, timeout=0 if changes else timeout_s)
        if message is None:
            break
        changes.append(unpack_change(message["data"]))
    return changes
